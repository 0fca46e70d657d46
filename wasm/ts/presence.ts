import { DriftwoodError } from "./error.js";
import type { Session } from "./session.js";
import type { Presence } from "./types.js";

/** What fits into one announcement. */
const BYTES_MAX = 4096;

/** Who else is here. What people say about themselves travels as JSON. */
export class PresenceState implements Presence {
  #self: unknown;
  #others: ReadonlyMap<string, unknown> = new Map();

  constructor(private readonly session: Session) {}

  get self(): unknown {
    return this.#self;
  }

  get others(): ReadonlyMap<string, unknown> {
    return this.#others;
  }

  set(state: unknown): void {
    if (state === null || state === undefined) {
      this.session.demand((raw) => raw.setPresence(undefined));
      this.#self = undefined;
      return;
    }
    const json = JSON.stringify(state) as string | undefined;
    if (json === undefined) throw new DriftwoodError("INVALID_VALUE", "a presence must be plain JSON");
    const bytes = new TextEncoder().encode(json);
    if (bytes.length > BYTES_MAX) {
      throw new DriftwoodError("LIMIT_PRESENCE", `a presence has at most ${BYTES_MAX} bytes as JSON`);
    }
    this.session.demand((raw) => raw.setPresence(bytes));
    this.#self = state;
  }

  /** Takes in what somebody else said; `undefined` when they are gone. Whether it made a difference. */
  receive(peer: string, bytes: Uint8Array | undefined): boolean {
    const state = bytes && parsed(bytes);
    if (state === undefined && !this.#others.has(peer)) return false;
    const others = new Map(this.#others);
    if (state === undefined) others.delete(peer);
    else others.set(peer, state);
    this.#others = others;
    return true;
  }
}

/** JSON of somebody else's making: what is none counts as nothing said. */
function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}
