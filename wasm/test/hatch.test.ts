// Short strings, values and bytes cross another way than long ones: nobody must see which way it was.
import { expect, test } from "vitest";
import { open, type Doc, type ListPatch, type TextPatch, type Value } from "driftwood-sync";

let number = 0;
const fresh = (): Promise<Doc> => open(`hatch-${++number}`, { storage: "memory" });

/** Lengths around that of the hatch, in bytes and in code units. */
const LENGTHS = [0, 1, 2, 31, 64, 65, 255, 256, 257, 511, 512, 513, 2_000];
const LETTERS = ["a", "é", "漢", "\ud83c\udf0a"];

test("texts of every length and alphabet arrive as they are, here and there", async () => {
  const [here, there] = [await fresh(), await fresh()];
  here.on("delta", (delta) => there.import(delta));
  // Known there, so that single changes are told the short way.
  const copy = there.text("t");
  let mirror = "";
  copy.subscribe((_, { patches }) => {
    for (const { at, deleted, inserted } of patches) mirror = mirror.slice(0, at) + inserted + mirror.slice(at + deleted);
  });
  let expected = "";
  for (const length of LENGTHS) {
    for (const letter of LETTERS) {
      const text = letter.repeat(length);
      here.transact(() => here.text("t").insert(0, text));
      expected = text + expected;
    }
    const gone = Math.min(expected.length, 2 * length);
    if (!/[\ud800-\udfff]/u.test(expected.slice(0, gone))) {
      here.transact(() => here.text("t").delete(0, gone));
      expected = expected.slice(gone);
    }
  }
  expect(here.text("t").toJSON()).toBe(expected);
  expect(copy.toJSON()).toBe(expected);
  expect(mirror).toBe(expected);
});

test("half a surrogate pair is refused in texts of any length, and nothing is changed", async () => {
  const doc = await fresh();
  doc.text("t").insert(0, "ab");
  for (const text of ["\ud83c", "\udf0a", "x\ud83c", "\udf0ax", `${"x".repeat(600)}\ud83c`]) {
    expect(() => doc.text("t").insert(1, text)).toThrow(expect.objectContaining({ code: "SPLIT_SURROGATE" }));
    expect(() => doc.list("l").push(text)).toThrow(expect.objectContaining({ code: "SPLIT_SURROGATE" }));
    expect(() => doc.map("m").set(text, 1)).toThrow(expect.objectContaining({ code: "SPLIT_SURROGATE" }));
    expect(() => doc.map("m").set("k", text)).toThrow(expect.objectContaining({ code: "SPLIT_SURROGATE" }));
  }
  doc.text("t").insert(1, "\ud83c\udf0a");
  expect(() => doc.text("t").insert(2, "x")).toThrow(expect.objectContaining({ code: "SPLIT_SURROGATE" }));
  expect(() => doc.text("t").delete(9, 1)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  expect(doc.toJSON()).toEqual({ t: "a\ud83c\udf0ab" });
});

test("values of every kind are stored and told alike", async () => {
  const [here, there] = [await fresh(), await fresh()];
  here.on("delta", (delta) => there.import(delta));
  const [map, list] = [there.map("m"), there.list("l")];
  const keys: string[] = [];
  const patches: ListPatch[] = [];
  map.subscribe((_, change) => keys.push(...change.keys));
  list.subscribe((_, change) => patches.push(...change.patches));
  const values: Value[] = [
    null, true, false, 0, -0, 1, -1, 0.5, NaN, -Infinity, 2 ** 53, 2 ** 53 - 1, 2n ** 60n, new Uint8Array([1, 2]), [1, "x"], { a: null },
    ...LENGTHS.flatMap((length) => LETTERS.map((letter) => letter.repeat(length))),
  ];
  const written: [string, Value][] = [];
  for (const [index, value] of values.entries()) {
    // A key has at most 1,024 bytes.
    const key = `${LETTERS[index % 3]!.repeat(Math.min(LENGTHS[index % 9]!, 300))}${index}`;
    here.transact(() => here.map("m").set(key, value));
    here.transact(() => here.list("l").insert(index, value));
    written.push([key, value]);
  }
  for (const doc of [here, there]) {
    expect(doc.list("l").toJSON()).toEqual(values);
    expect(new Map(Object.entries(doc.map("m").toJSON()))).toEqual(new Map(written));
  }
  expect(Object.is(there.list("l").get(4), -0)).toBe(true);
  expect(keys).toEqual(written.map(([key]) => key));
  expect(patches).toEqual(values.map((_, at) => ({ at, deleted: 0, inserted: 1 })));
});

test("numbers are read together as they are read one by one", async () => {
  const numbers = [0, -0, 0.5, NaN, -Infinity, 2 ** 53, -(2 ** 53 - 1), ...Array.from({ length: 50 }, (_, i) => i)];
  for (const rest of [[], [2n ** 60n], ["x"], [null], [[1]]] as Value[][]) {
    const [here, there] = [await fresh(), await fresh()];
    const values: Value[] = [...numbers, ...rest];
    here.list("l").insert(0, ...values);
    expect(here.list("l").toJSON()).toEqual(values);
    there.list("l").push(7);
    there.list("l").toJSON();
    there.import(here.export());
    const merged = there.list("l").toJSON();
    expect(merged.length).toBe(values.length + 1);
    expect(merged).toEqual(merged.map((_, at) => there.list("l").get(at)));
    expect(Object.isFrozen(merged)).toBe(true);
  }
});

test("a counter among numbers goes on counting", async () => {
  const [here, there] = [await fresh(), await fresh()];
  here.list("l").push(1, 2);
  const counter = here.list("l").insertCounter(1);
  counter.add(5);
  there.import(here.export());
  expect(there.list("l").toJSON()).toEqual([1, 5, 2]);
  counter.add(2);
  there.import(here.export({ since: there.version() }));
  expect(there.list("l").toJSON()).toEqual([1, 7, 2]);
  there.list("l").counter(1).add(1);
  expect(there.list("l").toJSON()).toEqual([1, 8, 2]);
});

test("what changed in sets, counters and trees is told as well", async () => {
  const [here, there] = [await fresh(), await fresh()];
  here.on("delta", (delta) => there.import(delta));
  const told: string[] = [];
  there.set("s").subscribe((values) => told.push(`s ${values.join()}`));
  there.counter("c").subscribe((value) => told.push(`c ${value}`));
  there.tree("r").subscribe((_, change) => told.push(`r ${change.nodes.size}`));
  here.transact(() => here.set("s").add("x"));
  here.transact(() => here.counter("c").add(3));
  here.transact(() => here.tree("r").create());
  expect(told).toEqual(["s x", "c 3", "r 1"]);
});

test("memory that grows in between takes nothing along", async () => {
  const doc = await fresh();
  const deltas: Uint8Array[] = [];
  doc.on("delta", (delta) => deltas.push(delta));
  let expected = "";
  for (let round = 0; round < 6; round++) {
    const large = "0123456789".repeat(200_000);
    doc.transact(() => doc.text("t").insert(0, "short"));
    doc.transact(() => doc.text("u").insert(0, large));
    doc.transact(() => doc.text("t").insert(0, "\u00e9"));
    expected = `\u00e9short${expected}`;
  }
  const copy = await fresh();
  const patches: TextPatch[] = [];
  copy.text("t").subscribe((_, change) => patches.push(...change.patches));
  for (const delta of deltas) copy.import(delta);
  expect(copy.text("t").toJSON()).toBe(expected);
  expect(copy.text("u").length).toBe(12_000_000);
  expect(patches.length).toBe(12);
});

test("a delta is its receiver's own: the next one does not change it", async () => {
  const doc = await fresh();
  const deltas: Uint8Array[] = [];
  doc.on("delta", (delta) => deltas.push(delta));
  doc.transact(() => doc.text("t").insert(0, "first"));
  const first = deltas[0]!;
  const bytes = [...first];
  expect(first.buffer.byteLength).toBe(first.length);
  doc.transact(() => doc.text("t").insert(0, "second"));
  expect([...first]).toEqual(bytes);
});
