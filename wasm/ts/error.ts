import type { DriftwoodErrorShape } from "./types.js";

/** Every error of this package: an `Error` with a `code` that stays the same while messages may change. */
export class DriftwoodError extends Error implements DriftwoodErrorShape {
  override readonly name = "DriftwoodError";

  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Takes an error that crossed over from WebAssembly for what it is. */
export function asDriftwoodError(error: unknown): DriftwoodError {
  if (error instanceof DriftwoodError) return error;
  if (error instanceof Error) {
    const code: unknown = (error as { code?: unknown }).code;
    // The original is no cause, but the same thing in another shape.
    if (error.name === "DriftwoodError" && typeof code === "string") return new DriftwoodError(code, error.message);
    return new DriftwoodError("INTERNAL", error.message, { cause: error });
  }
  return new DriftwoodError("INTERNAL", String(error));
}

/** Hands an error of a subscriber to the host, as event listeners' errors are: it must not stop the others. */
export function reportUncaught(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else queueMicrotask(() => { throw error; });
}
