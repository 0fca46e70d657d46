import type { Mark } from "./core.js";
import { DriftwoodError } from "./error.js";
import type { Session } from "./session.js";
import type { Level, Write } from "./types.js";

const LEVELS = ["local", "relay", "replicated"] as const satisfies readonly Level[];

interface Waiting {
  readonly isSaved: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Who waits for what to be saved. */
export class Saving {
  #waiting = new Set<Waiting>();

  constructor(private readonly session: Session) {}

  /** What a local change hands back. */
  write(mark: Mark): Write {
    return new LocalWrite(this, mark);
  }

  /** Waits until a local change is saved. */
  change(mark: Mark, level: Level): Promise<void> {
    return this.#wait(level, (n) => this.session.raw.isSaved(n, mark));
  }

  /** Waits until the document is saved as far as it is now. */
  version(version: Uint8Array, level: Level): Promise<void> {
    return this.#wait(level, (n) => this.session.raw.isVersionSaved(n, version));
  }

  /** Something was saved: resolves those who waited for it. */
  look(): void {
    for (const waiting of [...this.#waiting]) {
      try {
        if (!waiting.isSaved()) continue;
        waiting.resolve();
      } catch (error) {
        waiting.reject(error);
      }
      this.#waiting.delete(waiting);
    }
  }

  /** Nothing more will be saved. */
  end(error: DriftwoodError): void {
    for (const waiting of this.#waiting) waiting.reject(error);
    this.#waiting.clear();
  }

  async #wait(level: Level, isSaved: (level: number) => boolean): Promise<void> {
    const number = LEVELS.indexOf(level);
    if (number < 0) throw new DriftwoodError("INVALID_ARGUMENT", "levels are local, relay and replicated");
    const ask = () => this.session.ask(() => isSaved(number));
    if (ask()) return;
    const [state, , , , , , persistent] = this.session.ask((raw) => raw.status());
    if (level === "local" && !persistent) {
      throw new DriftwoodError("NOT_PERSISTENT", "this document lives in memory only");
    }
    if (level !== "local" && state === 0) {
      throw new DriftwoodError("NO_RELAY", "this document was opened without a relay");
    }
    if (this.session.closed) throw new DriftwoodError("CLOSED", "the document was closed before it was saved");
    await new Promise<void>((resolve, reject) => {
      this.#waiting.add({ isSaved: ask, resolve, reject });
    });
  }
}

/** A local change. One is made for each, and most are never asked: the function is made for those that are. */
class LocalWrite implements Write {
  readonly #saving: Saving;
  readonly #mark: Mark;

  constructor(saving: Saving, mark: Mark) {
    this.#saving = saving;
    this.#mark = mark;
  }

  get saved(): Write["saved"] {
    return (level = "local") => this.#saving.change(this.#mark, level);
  }
}
