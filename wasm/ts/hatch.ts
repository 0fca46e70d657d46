import { hatch, takeLong } from "./core.js";

/** Bytes of the hatch; `src/hatch.rs` says the same. */
const BYTES = 512;
const UNITS = BYTES / 2;

let memory: WebAssembly.Memory | undefined;
let bytes = new Uint8Array();
let units = new Uint16Array();

/**
 * Says where the module is. The hatch is a piece of its memory that both sides know: short strings and bytes are handed
 * through it without anything being allocated on the way.
 */
export function openHatch(of: WebAssembly.Memory): void {
  memory = of;
}

/** Memory that grew has another buffer. */
function look(): void {
  if (bytes.length > 0 || memory === undefined) return;
  const at = hatch();
  bytes = new Uint8Array(memory.buffer, at, BYTES);
  units = new Uint16Array(memory.buffer, at, UNITS);
}

/** Puts a string from `start` on; whether it fits. */
export function putString(text: string, start = 0): boolean {
  const { length } = text;
  if (start + length > UNITS) return false;
  look();
  for (let i = 0; i < length; i++) units[start + i] = text.charCodeAt(i);
  return true;
}

/** The string that the module has put there. */
export function takeString(length: number): string {
  look();
  if (length === 1) return String.fromCharCode(units[0] as number);
  return String.fromCharCode(...units.subarray(0, length));
}

/** Puts bytes; whether they fit. */
export function putBytes(from: Uint8Array): boolean {
  const { length } = from;
  if (length > BYTES) return false;
  look();
  // A copy by `set` takes as long as that of some dozen.
  if (length > 64) bytes.set(from);
  else for (let i = 0; i < length; i++) bytes[i] = from[i] as number;
  return true;
}

/** The bytes that the module has handed out. */
export function takeBytes(length: number): Uint8Array {
  if (length > BYTES) return takeLong();
  look();
  if (length > 64) return bytes.slice(0, length);
  const taken = new Uint8Array(length);
  for (let i = 0; i < length; i++) taken[i] = bytes[i] as number;
  return taken;
}

/** What a value is, if it is of the kinds that come most; -1 if not. A string is put from `start` on. */
export function putValue(value: unknown, start = 0): -1 | 0 | 1 | 2 | 3 {
  switch (typeof value) {
    case "number": return 2;
    case "string": return putString(value, start) ? 3 : -1;
    case "boolean": return 1;
    default: return value === null ? 0 : -1;
  }
}

/** The number that goes with it. */
export function numberOf(value: unknown): number {
  return typeof value === "string" ? value.length : Number(value);
}
