import { open, type Doc, type Value } from "driftwood-sync";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let doc: Doc;
let count = 0;
beforeEach(async () => { doc = await open(`containers-${count++}`); });
afterEach(() => doc.close());

describe("maps", () => {
  test("hold every kind of value and give it back", () => {
    const map = doc.map("values");
    const values: Record<string, Value> = {
      null: null, true: true, false: false, zero: 0, negative: -5, half: 0.5, minusZero: -0, huge: 1e300,
      safe: Number.MAX_SAFE_INTEGER, infinite: Infinity, bigint: 2n ** 62n, empty: "", text: "Grüße 😀",
      bytes: new Uint8Array([1, 2, 255]), list: [1, [2, { three: 3 }], null], object: { a: { b: ["c"] } },
    };
    for (const [key, value] of Object.entries(values)) map.set(key, value);
    for (const [key, value] of Object.entries(values)) expect(map.get(key)).toEqual(value);
    expect(Object.is(map.get("minusZero"), -0)).toBe(true);
    expect(map.toJSON()).toEqual(values);
    expect(map.size).toBe(Object.keys(values).length);
  });

  test("leave out undefined, as JSON does", () => {
    doc.map("m").set("a", { x: undefined, y: 1 } as unknown as Value);
    expect(doc.map("m").get("a")).toEqual({ y: 1 });
  });

  test("have has, keys in order, delete and entries", () => {
    const map = doc.map("m");
    map.set("b", 2);
    map.set("a", 1);
    map.set("ä", 3);
    expect(map.keys()).toEqual(["a", "b", "ä"]);
    expect(map.has("a")).toBe(true);
    map.delete("a");
    expect(map.has("a")).toBe(false);
    expect(map.get("a")).toBeUndefined();
    expect(map.entries()).toEqual([["b", 2], ["ä", 3]]);
    const [only, ...others] = map.conflicts("b");
    expect(others).toEqual([]);
    expect(only).toMatchObject({ value: 2, replica: expect.stringMatching(/^[0-9a-f]{16}$/) as string });
    expect(only?.id.startsWith(`${only.replica}:`)).toBe(true);
    expect(Math.abs((only?.time ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test("take __proto__ for a key like any other", () => {
    const map = doc.map("m");
    map.set("__proto__", 1);
    map.set("value", JSON.parse('{"__proto__": {"polluted": true}}') as Value);
    expect(map.keys()).toEqual(["__proto__", "value"]);
    expect(Object.getOwnPropertyDescriptor(map.toJSON(), "__proto__")?.value).toBe(1);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(JSON.stringify(map.get("value"))).toBe('{"__proto__":{"polluted":true}}');
  });

  test("have children, which are the same handle each time", () => {
    const child = doc.map("m").map("child");
    expect(doc.map("m").map("child")).toBe(child);
    child.set("x", 1);
    expect(doc.map("m").get("child")).toBe(child);
    doc.map("m").text("words").insert(0, "hi");
    doc.map("m").setOf("tags").add("t");
    doc.map("m").counter("likes").add(2);
    doc.map("m").list("items").push(1, 2);
    expect(doc.toJSON()).toEqual({ m: { child: { x: 1 }, items: [1, 2], likes: 2, tags: ["t"], words: "hi" } });
  });
});

describe("lists", () => {
  test("insert, push, delete, get", () => {
    const list = doc.list("l");
    list.push("a", "d");
    list.insert(1, "b", "c");
    expect(list.toJSON()).toEqual(["a", "b", "c", "d"]);
    list.delete(0);
    list.delete(1, 2);
    expect(list.toJSON()).toEqual(["b"]);
    expect([list.get(0), list.get(1), list.length]).toEqual(["b", undefined, 1]);
  });

  test("have containers as elements, whose handles stay with them", () => {
    const list = doc.list("todos");
    const second = list.insertMap(0);
    second.set("text", "second");
    const first = list.insertMap(0);
    first.set("text", "first");
    expect(list.toJSON()).toEqual([{ text: "first" }, { text: "second" }]);
    expect(list.map(1)).toBe(second);
    expect(list.get(1)).toBe(second);
    list.delete(0);
    second.set("done", true);
    expect(list.toJSON()).toEqual([{ done: true, text: "second" }]);
    expect(() => first.set("text", "?")).toThrow(expect.objectContaining({ code: "DELETED" }));
    list.insertText(0).insert(0, "words");
    list.insertCounter(0).add(3);
    list.insertSet(0).add("x");
    list.insertList(0).push(1);
    expect(list.toJSON()).toEqual([[1], ["x"], 3, "words", { done: true, text: "second" }]);
  });

  test("move elements, with their handles and snapshots", async () => {
    const list = doc.list("l");
    list.push("a", "b", "c");
    const map = list.insertMap(1);
    map.set("x", 1);
    const snapshot = map.toJSON();
    const heard: unknown[] = [];
    list.subscribe((value, { patches }) => heard.push([value, patches]));
    list.move(1, 3);
    expect(heard).toEqual([
      [["a", "b", "c", { x: 1 }], [{ at: 1, deleted: 1, inserted: 0 }, { at: 3, deleted: 0, inserted: 1 }]],
    ]);
    expect([list.map(3), list.toJSON()[3]]).toEqual([map, snapshot]);
    expect(list.toJSON()[3]).toBe(snapshot);
    list.move(3, 0);
    list.move(2, 2);
    expect(list.toJSON()).toEqual([{ x: 1 }, "a", "b", "c"]);
    expect(() => list.move(0, 4)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));

    const other = await open(`containers-other-${count++}`);
    other.import(doc.export());
    list.move(0, 3);
    other.list("l").move(0, 2);
    other.import(doc.export({ since: other.version() }));
    doc.import(other.export({ since: doc.version() }));
    expect(other.toJSON()).toEqual(doc.toJSON());
    expect(list.length).toBe(4);
    await other.close();
  });

  test("insert all values or none", () => {
    const list = doc.list("l");
    list.push(1);
    const tooLarge = "x".repeat(600_000);
    expect(() => list.insert(1, 2, 3, tooLarge)).toThrow(expect.objectContaining({ code: "LIMIT_VALUE" }));
    expect(list.toJSON()).toEqual([1]);
    list.push(2);
    expect(list.toJSON()).toEqual([1, 2]);
  });
});

describe("texts", () => {
  test("count UTF-16 code units", () => {
    const text = doc.text("t");
    text.insert(0, "a😀b");
    expect(text.length).toBe(4);
    text.insert(3, "–");
    text.replace(0, 1, "A");
    expect(text.toString()).toBe("A😀–b");
    text.delete(1, 2);
    expect(text.toJSON()).toBe("A–b");
  });

  test("refuse half a surrogate pair, in an offset and in what is inserted", () => {
    const text = doc.text("t");
    text.insert(0, "😀");
    for (const wrong of [() => text.insert(1, "x"), () => text.delete(0, 1), () => text.insert(0, "\ud83d")]) {
      expect(wrong).toThrow(expect.objectContaining({ code: "SPLIT_SURROGATE" }));
    }
    text.insert(0, "\ufffd");
    expect(text.toString()).toBe("\ufffd😀");
  });
});

test("sets", () => {
  const set = doc.set("s");
  set.add("b");
  set.add("a");
  set.add("a");
  set.add({ x: [1] });
  expect(set.values()).toEqual(["a", "b", { x: [1] }]);
  expect([set.has("a"), set.has("c"), set.has({ x: [1] }), set.size]).toEqual([true, false, true, 3]);
  set.delete("a");
  expect(set.toJSON()).toEqual(["b", { x: [1] }]);
});

test("counters", () => {
  const counter = doc.counter("c");
  counter.add();
  counter.add(10);
  counter.add(-4);
  expect(counter.value).toBe(7);
  expect(() => counter.add(0.5)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});
