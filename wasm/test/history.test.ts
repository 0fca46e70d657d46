import { open, type Doc, type Seed } from "driftwood-sync";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let doc: Doc;
let other: Doc;
let count = 0;
beforeEach(async () => {
  doc = await open(`history-${count++}`);
  other = await open(`history-${count++}`);
});
afterEach(() => Promise.all([doc.close(), other.close()]));

/** Makes both copies equal. */
function exchange(): void {
  other.import(doc.export({ since: other.version() }));
  doc.import(other.export({ since: doc.version() }));
  expect(other.toJSON()).toEqual(doc.toJSON());
}

describe("cursors", () => {
  test("stay beside their character while others edit", () => {
    const text = doc.text("body");
    text.insert(0, "a😀b");
    const [left, right] = [text.cursor(3), text.cursor(3, "right")];
    exchange();
    other.text("body").insert(3, "––");
    other.text("body").insert(0, "😀");
    exchange();
    expect([text.resolve(left), text.resolve(right)]).toEqual([5, 7]);
    expect(other.text("body").resolve(left)).toBe(5);
    text.delete(3, 2);
    expect(text.resolve(left)).toBe(3);
    expect(left.length).toBeLessThan(24);
  });

  test("of lists go with their element", () => {
    const list = doc.list("l");
    list.push("a", "b", "c");
    const cursor = list.cursor(1, "right");
    list.move(1, 2);
    expect(list.resolve(cursor)).toBe(2);
    list.delete(2);
    expect(list.resolve(cursor)).toBe(1);
  });

  test("are refused where there is no place, and what is no cursor", () => {
    const text = doc.text("body");
    text.insert(0, "😀");
    const wrong: [() => unknown, string][] = [
      [() => text.cursor(3), "OUT_OF_RANGE"],
      [() => text.cursor(1), "SPLIT_SURROGATE"],
      [() => text.cursor(0, "up" as "left"), "INVALID_ARGUMENT"],
      [() => text.resolve("*"), "INVALID_ARGUMENT"],
      [() => text.resolve("////"), "BAD_BYTES"],
      [() => doc.list("l").cursor(1), "OUT_OF_RANGE"],
    ];
    for (const [call, code] of wrong) expect(call).toThrow(expect.objectContaining({ code }));
  });
});

test("blame says who wrote what", () => {
  doc.text("body").insert(0, "mine 😀");
  exchange();
  other.text("body").insert(5, "yours ");
  exchange();
  const parts = doc.text("body").blame();
  expect(parts.map(({ start, end }) => [start, end])).toEqual([[0, 5], [5, 11], [11, 13]]);
  expect(parts[0]?.replica).toBe(parts[2]?.replica);
  expect(parts[0]?.replica).not.toBe(parts[1]?.replica);
  for (const { time } of parts) expect(Math.abs(time - Date.now())).toBeLessThan(120_000);
  expect(doc.text("body").blame(6, 7)).toMatchObject([{ start: 6, end: 7 }]);
  expect(() => doc.text("body").blame(0, 99)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
});

test("differences say what happened, by whom", () => {
  const tree = doc.tree("tree");
  doc.text("body").insert(0, "abc");
  doc.map("meta").set("gone", 1);
  doc.set("tags").add("old");
  doc.list("l").push(1, 2);
  const node = tree.create();
  exchange();
  const left = other.version();
  doc.text("body").insert(3, "d");
  doc.text("body").delete(0, 1);
  doc.text("body").mark(0, 2, "bold", true);
  doc.map("meta").set("title", "Trip");
  doc.map("meta").delete("gone");
  doc.set("tags").add("new");
  doc.set("tags").delete("old");
  doc.list("l").move(0, 1);
  doc.list("l").push(3);
  doc.counter("likes").add(2);
  const made = tree.create(node);
  expect(other.changesSince(left)).toEqual({ complete: true, containers: [] });
  exchange();
  const { complete, containers } = other.changesSince(left);
  expect(complete).toBe(true);
  const who = doc.text("body").blame(0, 1)[0]?.replica;
  const plain = containers.map(({ kind, path, differences }) => [
    path.join("/"), kind,
    differences.map(({ replica, time, ...rest }) => {
      expect(replica).toBe(who);
      expect(Math.abs(time - Date.now())).toBeLessThan(120_000);
      return rest;
    }),
  ]);
  expect(Object.fromEntries(plain.map(([path, , differences]) => [path, differences]))).toEqual({
    body: [
      { type: "insert", at: 2, text: "d" },
      { type: "mark", start: 0, end: 2, name: "bold", value: true },
      { type: "remove", at: 0, count: 1 },
    ],
    l: [{ type: "move", at: 1 }, { type: "insert", at: 2, value: 3 }],
    likes: [{ type: "count" }],
    meta: [{ type: "set", key: "title", value: "Trip", shown: true }, { type: "delete", key: "gone" }],
    tags: [{ type: "add", value: "new" }, { type: "delete", value: "old" }],
    tree: [{ type: "create", node: made }],
  });
  expect(plain.map(([path, kind]) => [path, kind])).toContainEqual(["l", "list"]);
  expect(() => doc.changesSince(new Uint8Array([255]))).toThrow(expect.objectContaining({ code: "BAD_BYTES" }));
});

describe("seeds", () => {
  const fill = (seed: Seed) => {
    seed.text("body").insert(0, "Hello");
    seed.list("todos").push("a", "b");
    const map = seed.list("todos").insertMap(seed.list("todos").length);
    map.set("done", false);
    seed.counter("likes").add(3);
    seed.tree("outline").data(seed.tree("outline").create()).set("title", "Top");
    seed.text("body").mark(0, 5, "bold", true);
  };

  test("take effect once, however many write them", () => {
    doc.text("body").insert(0, "Before. ");
    const heard: unknown[] = [];
    doc.text("body").subscribe((text, { origin }) => heard.push([origin, text]));
    doc.seed("welcome", fill);
    other.seed("welcome", fill);
    exchange();
    expect(heard).toHaveLength(1);
    expect(doc.toJSON()).toMatchObject({ todos: ["a", "b", { done: false }], likes: 3 });
    expect(doc.text("body").length).toBe(13);
    doc.list("todos").delete(0);
    const version = doc.version();
    doc.seed("welcome", fill);
    expect(doc.version()).toEqual(version);
    expect(doc.list("todos").length).toBe(2);
    exchange();
  });

  test("win over nothing", () => {
    doc.map("meta").set("title", "Mine");
    doc.seed("title", (seed) => { seed.map("meta").set("title", "Untitled"); });
    expect(doc.map("meta").get("title")).toBe("Mine");
  });

  test("must be the same each time and under one name", () => {
    let n = 0;
    const before = doc.version();
    const wrong: [(seed: Seed) => unknown, string][] = [
      [(seed) => seed.counter("n").add((n += 1)), "SEED_NOT_THE_SAME"],
      [(seed) => seed.text("body").insert(9, "x"), "OUT_OF_RANGE"],
      [() => doc.text("body").insert(0, "x"), "INVALID_ARGUMENT"],
      [() => doc.toJSON(), "INVALID_ARGUMENT"],
      [() => doc.seed("inner", fill), "INVALID_ARGUMENT"],
      [async () => { await Promise.resolve(); }, "INVALID_ARGUMENT"],
    ];
    for (const [seed, code] of wrong) {
      expect(() => doc.seed("s", seed as never)).toThrow(expect.objectContaining({ code }));
    }
    expect(() => doc.seed("s", () => { throw new TypeError("mine"); })).toThrow(TypeError);
    expect(doc.version()).toEqual(before);
    expect(doc.toJSON()).toEqual({});
    doc.seed("s", fill);
    expect(() => doc.seed("s", (seed) => { seed.counter("n").add(1); })).toThrow(
      expect.objectContaining({ code: "SEED_CHANGED" }),
    );
    let kept: Seed | undefined;
    doc.seed("kept", (seed) => { kept = seed; seed.counter("n").add(1); });
    const late = kept?.counter("n");
    expect(() => late?.add(1)).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });

  test("leave writes before them as they were", async () => {
    doc.text("body").insert(0, "x");
    doc.seed("welcome", fill);
    doc.text("body").insert(0, "y");
    await Promise.resolve();
    exchange();
    expect(other.text("body").toString()).toBe(doc.text("body").toString());
  });
});
