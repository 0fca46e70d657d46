import { DriftwoodError } from "./error.js";

/** A string, or an error that says what should have been one: WebAssembly would take anything for a string. */
export function checkedText(value: unknown, what: string): string {
  if (typeof value !== "string") throw new DriftwoodError("INVALID_ARGUMENT", `${what} must be a string`);
  return value;
}

/** A string of whole characters: half of a pair of surrogates would be lost on its way into the module. */
export function checkedCharacters(value: unknown, what: string): string {
  const text = checkedText(value, what);
  if (/[\ud800-\udfff]/u.test(text)) {
    throw new DriftwoodError("SPLIT_SURROGATE", "the text contains half a surrogate pair");
  }
  return text;
}

/** Bytes. */
export function checkedBytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new DriftwoodError("INVALID_ARGUMENT", "expected a Uint8Array");
  return value;
}

/** An offset, index or length: a whole number from 0. */
export function checkedCount(value: unknown, what: string): number {
  if (!Number.isInteger(value) || (value as number) < 0) {
    throw new DriftwoodError("INVALID_ARGUMENT", `${what} must be a whole number from 0`);
  }
  // The module counts in 32 bits; no text or list is longer.
  return Math.min(value as number, 0xffff_ffff);
}
