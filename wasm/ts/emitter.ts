import { reportUncaught } from "./error.js";

/** Counts the functions in some {@link Listeners}. */
export interface Audience {
  size: number;
}

/** Functions to call, each on its own: one that throws does not keep the others from being called. */
export class Listeners<Args extends unknown[]> {
  #functions = new Set<{ call: (...args: Args) => void }>();

  constructor(private readonly audience?: Audience) {}

  get size(): number {
    return this.#functions.size;
  }

  /** Adds one. The same function added twice is called twice. */
  add(call: (...args: Args) => void): () => void {
    const entry = { call };
    this.#functions.add(entry);
    if (this.audience !== undefined) this.audience.size += 1;
    return () => {
      if (this.#functions.delete(entry) && this.audience !== undefined) this.audience.size -= 1;
    };
  }

  call(...args: Args): void {
    for (const entry of [...this.#functions]) {
      // One of those before may have ended this subscription.
      if (!this.#functions.has(entry)) continue;
      try {
        entry.call(...args);
      } catch (error) {
        reportUncaught(error);
      }
    }
  }
}
