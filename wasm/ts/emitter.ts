import { reportUncaught } from "./error.js";

/** Functions to call, each on its own: one that throws does not keep the others from being called. */
export class Listeners<Args extends unknown[]> {
  #functions = new Set<{ call: (...args: Args) => void }>();

  get size(): number {
    return this.#functions.size;
  }

  /** Adds one. The same function added twice is called twice. */
  add(call: (...args: Args) => void): () => void {
    const entry = { call };
    this.#functions.add(entry);
    return () => { this.#functions.delete(entry); };
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
