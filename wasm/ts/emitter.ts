import { reportUncaught } from "./error.js";

/** Counts the functions in some {@link Listeners}. */
export interface Audience {
  size: number;
}

interface Entry<Args extends unknown[]> {
  readonly call: (...args: Args) => void;
  ended: boolean;
}

/** Functions to call, each on its own: one that throws does not keep the others from being called. */
export class Listeners<Args extends unknown[]> {
  /** Another one for each change: whoever goes through it goes on with the one that was. */
  #entries: readonly Entry<Args>[] = [];

  constructor(private readonly audience?: Audience) {}

  get size(): number {
    return this.#entries.length;
  }

  /** Adds one. The same function added twice is called twice. */
  add(call: (...args: Args) => void): () => void {
    const entry: Entry<Args> = { call, ended: false };
    this.#entries = [...this.#entries, entry];
    if (this.audience !== undefined) this.audience.size += 1;
    return () => {
      if (entry.ended) return;
      entry.ended = true;
      this.#entries = this.#entries.filter((other) => other !== entry);
      if (this.audience !== undefined) this.audience.size -= 1;
    };
  }

  call(...args: Args): void {
    for (const entry of this.#entries) {
      // One of those before may have ended this subscription.
      if (entry.ended) continue;
      try {
        entry.call(...args);
      } catch (error) {
        reportUncaught(error);
      }
    }
  }
}
