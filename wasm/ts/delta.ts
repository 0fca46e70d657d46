import { DriftwoodError } from "./error.js";
import type { DeltaOp, TextPatch } from "./types.js";

/** Kinds of operation, as `core.js` numbers them. */
const RETAIN = 0;
const INSERT = 1;
const EMBED = 2;
const DELETE = 3;

/** What an operation is, and what of; checked. */
function read(op: DeltaOp, index: number): [kind: number, what: unknown] {
  const wrong = (message: string) => new DriftwoodError("INVALID_ARGUMENT", `operation ${index}: ${message}`);
  if (typeof op !== "object" || op === null) throw wrong("must be an object");
  const named = (["retain", "insert", "delete"] as const).filter((name) => op[name] !== undefined);
  const [name] = named;
  if (name === undefined || named.length > 1) throw wrong("must have one of insert, retain and delete");
  const what: unknown = op[name];
  if (name === "insert") {
    if (typeof what === "string") return [INSERT, what];
    if (typeof what === "object" && !Array.isArray(what)) return [EMBED, what];
    throw wrong("inserts a string or an object");
  }
  if (!Number.isInteger(what) || (what as number) < 0) throw wrong("a length must be a whole number from 0");
  return [name === "retain" ? RETAIN : DELETE, Math.min(what as number, 0xffff_ffff)];
}

/** A delta as the module takes it: `[kind, what, attributes]*`. */
export function flatDelta(ops: readonly DeltaOp[]): unknown[] {
  if (!Array.isArray(ops)) throw new DriftwoodError("INVALID_ARGUMENT", "a delta must be an array of operations");
  return ops.flatMap((op: DeltaOp, index) => [...read(op, index), op.attributes ?? undefined]);
}

/** What a delta does to the characters. */
export function patchesOf(ops: readonly DeltaOp[]): TextPatch[] {
  const patches: TextPatch[] = [];
  let at = 0;
  for (const [index, op] of ops.entries()) {
    const [kind, what] = read(op, index);
    if (kind === RETAIN) {
      at += what as number;
      continue;
    }
    const inserted = kind === INSERT ? (what as string) : kind === EMBED ? "\ufffc" : "";
    const deleted = kind === DELETE ? (what as number) : 0;
    if (inserted !== "" || deleted > 0) patches.push({ at, deleted, inserted });
    at += inserted.length;
  }
  return patches;
}
