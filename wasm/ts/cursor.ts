import { checkedText } from "./check.js";
import { DriftwoodError } from "./error.js";
import type { Side } from "./types.js";

/** Whether a cursor stays beside what is right of it. */
export function isRight(side: Side): boolean {
  if (side !== "left" && side !== "right") throw new DriftwoodError("INVALID_ARGUMENT", "a side is left or right");
  return side === "right";
}

/** A cursor as text, so that it travels in a presence. */
export function cursorText(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

export function cursorBytes(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(checkedText(text, "a cursor")), (char) => char.charCodeAt(0));
  } catch (error) {
    throw new DriftwoodError("INVALID_ARGUMENT", "this is no cursor", { cause: error });
  }
}
