import { open, type Doc, type UndoState, type Value } from "driftwood-sync";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let doc: Doc;
let count = 0;
beforeEach(async () => { doc = await open(`undo-${count++}`); });
afterEach(() => doc.close());

describe("undo", () => {
  test("takes back what was written here, and nobody else's", async () => {
    const undo = doc.undoManager();
    const text = doc.text("body");
    text.insert(0, "Hello");
    const other = await open(`undo-other-${count++}`);
    other.import(doc.export());
    other.text("body").insert(5, " world");
    doc.import(other.export({ since: doc.version() }));
    expect([undo.canUndo, undo.canRedo]).toEqual([true, false]);
    expect(undo.undo()).toBe(true);
    expect(text.toString()).toBe(" world");
    expect([undo.canUndo, undo.canRedo, undo.undo()]).toEqual([false, true, false]);
    expect(undo.redo()).toBe(true);
    expect(text.toString()).toBe("Hello world");
    other.import(doc.export({ since: other.version() }));
    expect(other.toJSON()).toEqual(doc.toJSON());
    await other.close();
  });

  test("works on every kind of container and on marks", () => {
    doc.map("m").set("a", 1);
    doc.text("t").insert(0, "abc");
    doc.list("l").push("x", "y");
    const before = [doc.toJSON(), doc.text("t").toDelta()];
    const undo = doc.undoManager();
    doc.transact(() => {
      doc.map("m").set("a", 2);
      doc.map("m").delete("a");
      doc.map("m").map("inner").set("b", [1]);
      doc.text("t").mark(0, 2, "bold", true);
      doc.text("t").applyDelta([{ retain: 1 }, { insert: "Z", attributes: { italic: true } }, { delete: 1 }]);
      doc.list("l").move(0, 1);
      doc.list("l").delete(0);
      doc.set("s").add("x");
      doc.counter("c").add(5);
      doc.tree("o").data(doc.tree("o").create()).set("title", "x");
    });
    const after = [doc.toJSON(), doc.text("t").toDelta()];
    expect(undo.undo()).toBe(true);
    expect(undo.canUndo).toBe(false);
    const { m, t, l } = doc.toJSON();
    expect([{ m, t, l }, doc.text("t").toDelta()]).toEqual(before);
    expect([doc.set("s").size, doc.counter("c").value, doc.tree("o").toJSON()]).toEqual([0, 0, []]);
    expect(undo.redo()).toBe(true);
    // A node that comes back has a new name.
    const nameless = ({ o, ...rest }: { readonly [name: string]: Value }) => [rest, JSON.stringify(o).replace(/"id":"[^"]*"/g, "")];
    expect([nameless(doc.toJSON()), doc.text("t").toDelta()]).toEqual([nameless(after[0] as never), after[1]]);
  });

  test("groups by time and by transaction", async () => {
    const undo = doc.undoManager({ groupMs: 0 });
    const text = doc.text("body");
    text.insert(0, "a");
    await new Promise((resolve) => setTimeout(resolve, 2));
    doc.transact(() => { text.insert(1, "b"); text.insert(2, "c"); });
    undo.undo();
    expect(text.toString()).toBe("a");
    undo.undo();
    expect(text.toString()).toBe("");
    undo.close();

    const slow = doc.undoManager({ groupMs: 60_000 });
    text.insert(0, "x");
    text.insert(1, "y");
    slow.stopGrouping();
    text.insert(2, "z");
    slow.undo();
    expect(text.toString()).toBe("xy");
    slow.undo();
    expect(text.toString()).toBe("");
  });

  test("has scopes, which do not overlap", () => {
    const body = doc.undoManager({ scope: doc.text("body") });
    const rest = doc.undoManager({ scope: [doc.map("meta"), doc.list("todos")] });
    doc.text("body").insert(0, "x");
    doc.map("meta").set("title", "T");
    doc.list("todos").insertMap(0).set("text", "t");
    doc.counter("likes").add(1);
    body.undo();
    expect(doc.toJSON()).toEqual({ body: "", likes: 1, meta: { title: "T" }, todos: [{ text: "t" }] });
    rest.undo();
    expect([doc.map("meta").size, doc.list("todos").length, rest.canUndo]).toEqual([0, 0, false]);
    for (const scope of [undefined, doc.text("body"), doc.map("meta").map("inner"), [doc.set("s"), doc.list("todos")]]) {
      const options = scope === undefined ? {} : { scope };
      expect(() => doc.undoManager(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
    body.close();
    doc.undoManager({ scope: doc.text("body") });
    expect(() => body.undo()).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });

  test("tells subscribers, listeners and who attached something", () => {
    const popped: unknown[] = [];
    const undo = doc.undoManager({ onPop: (data, type) => popped.push([type, data]) });
    const states: UndoState[] = [];
    undo.on("change", (state) => states.push(state));
    const heard: unknown[] = [];
    doc.text("body").subscribe((text, { origin, patches }) => heard.push([text, origin, patches]));
    undo.attach({ caret: 0 });
    doc.text("body").insert(0, "abc");
    undo.attach({ caret: 3 });
    undo.undo();
    undo.redo();
    undo.clear();
    expect(popped).toEqual([["undo", { caret: 0 }], ["redo", { caret: 3 }]]);
    expect(states.map(({ canUndo, canRedo }) => [canUndo, canRedo])).toEqual([
      [true, false], [false, true], [true, false], [false, false],
    ]);
    expect(heard.map((entry) => (entry as unknown[])[0])).toEqual(["abc", "", "abc"]);
    expect(heard[1]).toEqual(["", "local", [{ at: 0, deleted: 3, inserted: "" }]]);
  });

  test("brings nothing back that was erased", () => {
    const undo = doc.undoManager();
    doc.text("diary").insert(0, "private");
    doc.map("m").set("a", 1);
    doc.map("m").map("inner").set("b", 2);
    doc.list("l").push("x", "y");
    doc.set("s").add("v");
    const node = doc.tree("t").create();
    const inner = doc.map("m").map("inner");
    const heard: unknown[] = [];
    inner.subscribe((snapshot) => heard.push(snapshot));
    doc.erase(inner);
    doc.erase(doc.text("diary"));
    doc.map("m").erase("a");
    doc.list("l").erase(0);
    doc.set("s").erase("v");
    doc.tree("t").erase(node);
    expect(heard).toEqual([{}]);
    expect([doc.map("m").toJSON(), doc.list("l").toJSON(), doc.text("diary").toString()]).toEqual([{}, ["y"], ""]);
    expect([doc.set("s").size, doc.tree("t").toJSON()]).toEqual([0, []]);
    while (undo.undo());
    expect(JSON.stringify(doc.toJSON())).not.toMatch(/private|"x"|"v"|"a"|"b"/);
    doc.text("t2").insert(0, "a😀b");
    doc.text("t2").erase(1, 2);
    expect(doc.text("t2").toString()).toBe("ab");
    expect(() => doc.erase({} as never)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(() => doc.text("t2").erase(1, 5)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  });

  test("refuses what makes no sense", () => {
    const wrong = [{ scope: [] }, { scope: {} as never }, { groupMs: -1 }, { depth: 0 }];
    for (const options of wrong) {
      expect(() => doc.undoManager(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
    const undo = doc.undoManager({ depth: 2, groupMs: 0 });
    for (const n of [1, 2, 3]) {
      undo.stopGrouping();
      doc.map("m").set("n", n);
    }
    expect([undo.undo(), undo.undo(), undo.undo()]).toEqual([true, true, false]);
    expect(doc.map("m").get("n")).toBe(1);
  });
});
