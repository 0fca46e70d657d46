import { open, type DeltaOp, type Doc, type DocText } from "driftwood-sync";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let doc: Doc;
let text: DocText;
let count = 0;
beforeEach(async () => {
  doc = await open(`rich-${count++}`);
  text = doc.text("body");
});
afterEach(() => doc.close());

/** What another copy of the document makes of it. */
async function elsewhere(): Promise<Doc> {
  const other = await open(`rich-other-${count++}`);
  other.import(doc.export());
  return other;
}

describe("marks", () => {
  test("take a range in either form, and grow as they are told", () => {
    text.insert(0, "one two three");
    text.mark({ start: 0, end: 3 }, "bold", true);
    text.mark(4, 7, "link", "https://example.org");
    text.mark(8, 13, "colour", "red", { expand: "before" });
    text.insert(13, "!");
    text.insert(8, ">");
    text.insert(7, "?");
    text.insert(3, "1");
    expect(text.toDelta()).toEqual([
      { insert: "one1", attributes: { bold: true } },
      { insert: " " },
      { insert: "two", attributes: { link: "https://example.org" } },
      { insert: "? " },
      { insert: ">three", attributes: { colour: "red" } },
      { insert: "!" },
    ]);
    expect(text.toString()).toBe("one1 two? >three!");
  });

  test("are taken away", () => {
    text.insert(0, "abc");
    text.mark(0, 3, "bold", true);
    text.unmark(1, 2, "bold");
    const bold = { bold: true };
    expect(text.toDelta()).toEqual([{ insert: "a", attributes: bold }, { insert: "b" }, { insert: "c", attributes: bold }]);
    text.unmark({ start: 0, end: 3 }, "bold");
    expect(text.toDelta()).toEqual([{ insert: "abc" }]);
  });

  test("are told to subscribers, here and elsewhere", async () => {
    text.insert(0, "abc");
    const other = await elsewhere();
    const heard: unknown[] = [];
    text.subscribe((value, change) => heard.push([value, change]));
    other.text("body").subscribe((value, change) => heard.push([value, change]));
    text.mark(0, 2, "bold", true);
    other.import(doc.export({ since: other.version() }));
    expect(heard).toEqual([
      ["abc", { origin: "local", patches: [] }],
      ["abc", { origin: "remote", patches: [] }],
    ]);
    expect(other.text("body").toDelta()).toEqual(text.toDelta());
    await other.close();
  });

  test("refuse what makes no sense", () => {
    text.insert(0, "a😀");
    const wrong: [() => unknown, string][] = [
      [() => text.mark(0, 9, "bold", true), "OUT_OF_RANGE"],
      [() => text.mark(2, 3, "bold", true), "SPLIT_SURROGATE"],
      [() => text.mark(0, 1, "", true), "INVALID_ARGUMENT"],
      [() => text.mark(0, 1, "bold", true, { expand: "up" as "both" }), "INVALID_ARGUMENT"],
      [() => text.mark({ start: 0 } as never, "bold", true), "INVALID_ARGUMENT"],
      [() => text.embed(0, "x" as never), "INVALID_ARGUMENT"],
      [() => text.embed(7, { x: 1 }), "OUT_OF_RANGE"],
    ];
    for (const [call, code] of wrong) expect(call).toThrow(expect.objectContaining({ code }));
    expect(text.toDelta()).toEqual([{ insert: "a😀" }]);
  });
});

test("embeds are one character of the text", async () => {
  text.insert(0, "a😀b");
  text.embed(3, { image: "x.png", size: [1, 2] });
  text.mark(3, 4, "link", "y");
  const expected = [
    { insert: "a😀" },
    { insert: { image: "x.png", size: [1, 2] }, attributes: { link: "y" } },
    { insert: "b" },
  ];
  expect(text.toDelta()).toEqual(expected);
  expect(text.length).toBe(5);
  const other = await elsewhere();
  expect(other.text("body").toDelta()).toEqual(expected);
  text.delete(3, 1);
  expect(text.toDelta()).toEqual([{ insert: "a😀b" }]);
  await other.close();
});

test("a delta is frozen and the same until it changes", () => {
  text.insert(0, "abc");
  text.mark(0, 1, "bold", true);
  const delta = text.toDelta();
  expect(text.toDelta()).toBe(delta);
  expect([delta, delta[0], delta[0]?.attributes].every(Object.isFrozen)).toBe(true);
  text.mark(1, 2, "bold", true);
  expect(text.toDelta()).not.toBe(delta);
});

describe("deltas", () => {
  test("come and go unchanged", async () => {
    const ops: DeltaOp[] = [
      { insert: "Grüße 😀", attributes: { bold: true, size: 12 } },
      { insert: "\n", attributes: { header: 1 } },
      { insert: { image: "a.png" } },
      { insert: "plain" },
    ];
    text.applyDelta(ops);
    expect(text.toDelta()).toEqual(ops);
    const other = await elsewhere();
    expect(other.text("body").toDelta()).toEqual(ops);
    await other.close();
  });

  test("insert exactly the attributes given, and change what they retain", () => {
    text.insert(0, "Hello world");
    text.mark(0, 5, "bold", true);
    text.applyDelta([
      { insert: "Oh. " },
      { retain: 5, attributes: { italic: true, bold: null } },
      { insert: "!", attributes: { bold: true } },
      { retain: 1 },
      { delete: 5 },
      { insert: "😀" },
    ]);
    expect(text.toDelta()).toEqual([
      { insert: "Oh. " },
      { insert: "Hello", attributes: { italic: true } },
      { insert: "!", attributes: { bold: true } },
      { insert: " 😀" },
    ]);
  });

  test("are told as patches, once", () => {
    text.insert(0, "Hello world");
    const heard: unknown[] = [];
    text.subscribe((value, { patches }) => heard.push([value, patches]));
    text.applyDelta([{ retain: 5, attributes: { bold: true } }, { delete: 6 }, { insert: "😀" }, { insert: { x: 1 } }]);
    const patches = [
      { at: 5, deleted: 6, inserted: "" },
      { at: 5, deleted: 0, inserted: "😀" },
      { at: 7, deleted: 0, inserted: "\ufffc" },
    ];
    expect(heard).toEqual([["Hello😀\ufffc", patches]]);
  });

  test("are refused whole, and the error says which operation", () => {
    text.insert(0, "a😀");
    const before = doc.version();
    const heard: unknown[] = [];
    text.subscribe((value) => heard.push(value));
    const wrong: [DeltaOp, string][] = [
      [{ retain: 9 }, "OUT_OF_RANGE"],
      [{ delete: 2 }, "SPLIT_SURROGATE"],
      [{ retain: -1 }, "INVALID_ARGUMENT"],
      [{ retain: 1, delete: 1 }, "INVALID_ARGUMENT"],
      [{}, "INVALID_ARGUMENT"],
      [{ insert: 5 as never }, "INVALID_ARGUMENT"],
      [{ insert: "\ud83d" }, "SPLIT_SURROGATE"],
      [{ insert: "x", attributes: { "": true } }, "INVALID_ARGUMENT"],
      [{ insert: "x", attributes: { f: (() => 1) as never } }, "INVALID_VALUE"],
      [{ insert: "x", attributes: [1] as never }, "INVALID_ARGUMENT"],
      [{ insert: "x", attributes: { big: "x".repeat(600_000) } }, "LIMIT_VALUE"],
    ];
    for (const [op, code] of wrong) {
      const message = expect.stringContaining("operation 1") as string;
      expect(() => text.applyDelta([{ insert: "x" }, op])).toThrow(expect.objectContaining({ code, message }));
    }
    expect(() => text.applyDelta("x" as never)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(text.toString()).toBe("a😀");
    expect(doc.version()).toEqual(before);
    expect(heard).toEqual([]);
  });
});
