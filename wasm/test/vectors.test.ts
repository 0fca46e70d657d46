import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { open } from "driftwood-sync";

interface Case {
  readonly name: string;
  readonly deltas: readonly string[];
  readonly refused: string | null;
  readonly version: string;
  readonly whole: string;
  readonly value: unknown;
  readonly rich: unknown;
}

// The same file that the engine's own tests read.
const file = new URL("../../vectors/data-v1.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: readonly Case[] };

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

/** What the file has for a value; a tree's nodes have no ids there, and no `children` where there are none. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: hex(value) };
  if (typeof value === "bigint") return { $int: value.toString() };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const { id, children, data, ...rest } = value as Record<string, unknown>;
  if (typeof id === "string" && Array.isArray(children)) {
    return { data: plain(data), ...(children.length > 0 ? { children: plain(children) } : {}) };
  }
  return Object.fromEntries(Object.entries({ ...rest, id, children, data })
    .filter(([, item]) => item !== undefined).map(([key, item]) => [key, plain(item)]));
}

describe("the golden vectors", () => {
  test("are there", () => expect(cases.length).toBeGreaterThanOrEqual(14));

  test.each(cases)("$name", async ({ name, deltas, refused, version, whole, value, rich }) => {
    const doc = await open(`vectors: ${name}`, { storage: "memory" });
    deltas.forEach((delta, index) => {
      if (refused !== null && index === deltas.length - 1) {
        expect(() => doc.import(bytes(refused))).toThrow(expect.objectContaining({ code: "NEED_SKELETON" }));
      }
      doc.import(bytes(delta));
    });
    expect(plain(doc.toJSON())).toEqual(value);
    if (rich !== null) expect(plain(doc.text("t").toDelta())).toEqual(rich);
    expect(hex(doc.version())).toBe(version);
    expect(hex(doc.export())).toBe(whole);

    const copy = await open(`a copy of ${name}`, { storage: "memory" });
    copy.import(bytes(whole));
    expect(copy.toJSON()).toEqual(doc.toJSON());
    await Promise.all([doc.close(), copy.close()]);
  });
});
