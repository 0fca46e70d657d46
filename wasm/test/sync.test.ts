import { DriftwoodError, list, open, type DocChange, type Status } from "driftwood-sync";
import { describe, expect, test } from "vitest";

const code = (value: string) => expect.objectContaining({ name: "DriftwoodError", code: value }) as Error;
let count = 0;
const name = () => `sync-${count++}`;
/** When the present task has run, and what it queued. */
const nextTask = () => new Promise((resolve) => { setTimeout(resolve); });

describe("two copies", () => {
  test("converge by exchanging bytes, whatever was done at the same time", async () => {
    const [a, b] = [await open(name()), await open(name())];
    a.text("body").insert(0, "Hello");
    b.import(a.export());
    a.text("body").insert(5, " A");
    b.text("body").insert(5, " B");
    a.map("meta").set("title", "from a");
    b.map("meta").set("title", "from b");
    a.set("tags").add("x");
    b.counter("likes").add(2);
    a.counter("likes").add(3);
    const [forA, forB] = [b.export({ since: a.version() }), a.export({ since: b.version() })];
    a.import(forA);
    b.import(forB);
    b.import(forB);
    expect(a.toJSON()).toEqual(b.toJSON());
    expect(a.counter("likes").value).toBe(5);
    expect(a.map("meta").conflicts("title").map(({ value }) => value).sort()).toEqual(["from a", "from b"]);
    expect(a.map("meta").conflicts("title")[0]?.value).toBe(a.map("meta").get("title"));
    expect(a.version()).toEqual(b.version());
    await a.close();
    await b.close();
  });

  test("are told of a gap, and of bytes that are none", async () => {
    const [a, b] = [await open(name()), await open(name())];
    a.map("m").set("a", 1);
    const version = a.version();
    a.map("m").set("b", 2);
    expect(() => b.import(a.export({ since: version }))).toThrow(code("GAP"));
    expect(() => b.import(new Uint8Array([1, 2, 3]))).toThrow(code("BAD_BYTES"));
    expect(() => b.export({ since: new Uint8Array([255]) })).toThrow(code("BAD_BYTES"));
    expect(() => b.import("text" as unknown as Uint8Array)).toThrow(code("INVALID_ARGUMENT"));
    expect(b.toJSON()).toEqual({});
    await a.close();
    await b.close();
  });

  test("follow each other by the deltas that they tell", async () => {
    const [a, b] = [await open(name()), await open(name(), { journal: true })];
    const undo = a.undoManager();
    const told: string[] = [];
    const stop = a.on("delta", (delta) => { told.push("a"); b.import(delta); });
    b.on("delta", (delta) => { told.push("b"); a.import(delta); });
    const text = a.text("body");
    a.transact(() => {
      text.insert(0, "Hello");
      a.transact(() => text.insert(5, "!"));
      expect(told).toEqual([]);
    });
    // One for the transaction, at once.
    expect(told).toEqual(["a"]);
    expect(b.text("body").toJSON()).toBe("Hello!");
    // One for all that a task writes, with what came meanwhile.
    text.insert(5, ",");
    b.text("body").insert(6, " B");
    text.insert(6, " A");
    expect(told).toEqual(["a"]);
    await nextTask();
    expect(told).toEqual(["a", "a", "b"]);
    expect(text.toJSON()).toBe("Hello, A! B");
    expect(b.toJSON()).toEqual(a.toJSON());
    // What was undone outside of a transaction comes before what a transaction writes after it.
    expect(undo.undo()).toBe(true);
    a.transact(() => text.insert(0, ">"));
    expect(b.toJSON()).toEqual(a.toJSON());
    expect(b.version()).toEqual(a.version());
    expect(told).toEqual(["a", "a", "b", "a", "a"]);
    // Nothing was written, and nobody listens.
    a.transact(() => undefined);
    stop();
    a.transact(() => text.insert(0, "unheard"));
    await nextTask();
    expect(told.length).toBe(5);
    expect(b.text("body").toJSON()).not.toContain("unheard");
    b.import(a.export({ since: b.version() }));
    expect(b.toJSON()).toEqual(a.toJSON());
    await a.close();
    await b.close();
  });

  test("give what was written in the very task, and take more in it", async () => {
    const [a, b, c] = [await open(name()), await open(name()), await open(name())];
    for (let round = 0; round < 3; round++) {
      a.text("body").insert(0, "a");
      b.import(a.export({ since: b.version() }));
      b.text("body").insert(0, "b");
      a.import(b.export({ since: a.version() }));
      a.map("m").set("round", round);
      c.import(a.export({ since: c.version() }));
      c.text("body").insert(0, "c");
      a.import(c.export({ since: a.version() }));
      if (round === 1) await Promise.resolve();
    }
    await Promise.resolve();
    b.import(a.export({ since: b.version() }));
    expect(a.text("body").toJSON()).toBe("cbacbacba");
    for (const copy of [b, c]) {
      expect(copy.toJSON()).toEqual(a.toJSON());
      expect(copy.version()).toEqual(a.version());
    }
    const late = await open(name());
    late.import(a.export());
    expect(late.toJSON()).toEqual(a.toJSON());
    for (const doc of [a, b, c, late]) await doc.close();
  });

  test("tell subscribers of imports as remote", async () => {
    const [a, b] = [await open(name()), await open(name())];
    const changes: DocChange[] = [];
    b.on("change", (change) => changes.push(change));
    a.list("l").insertMap(0).set("x", 1);
    b.import(a.export());
    expect(changes).toEqual([{ origin: "remote", paths: [["l"], ["l", 0]] }]);
    await a.close();
    await b.close();
  });
});

describe("opening", () => {
  test("the same document twice gives the same Doc, until it was closed twice", async () => {
    const id = name();
    const [first, second] = await Promise.all([open(id), open(id)]);
    expect(second).toBe(first);
    await first.close();
    second.map("m").set("a", 1);
    await second.close();
    expect(() => second.map("m").set("a", 2)).toThrow(code("CLOSED"));
    expect(second.map("m").get("a")).toBe(1);
    const third = await open(id);
    expect(third).not.toBe(first);
    expect(third.toJSON()).toEqual({});
    await third.close();
  });

  test("with bad arguments is refused", async () => {
    await expect(open("")).rejects.toThrow(code("LIMIT_NAME"));
    await expect(open("x".repeat(257))).rejects.toThrow(code("LIMIT_NAME"));
    await expect(open(7 as unknown as string)).rejects.toThrow(code("INVALID_ARGUMENT"));
    await expect(open(name(), { relay: "not an address" })).rejects.toThrow(code("INVALID_ARGUMENT"));
    await expect(open(name(), { relay: "ftp://example.org" })).rejects.toThrow(code("INVALID_ARGUMENT"));
  });

  test("in Node is in memory, and says so", async () => {
    const doc = await open(name());
    const news = await new Promise((resolve) => doc.on("storage", resolve));
    expect(news).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(doc.status).toEqual({
      state: "local", peers: 0, saved: { local: true, relay: true, replicated: true }, unsaved: 0, persistent: false,
    } satisfies Status);
    const write = doc.map("m").set("a", 1);
    expect(doc.status.saved.local).toBe(false);
    expect(doc.status).toBe(doc.status);
    await expect(write.saved("local")).rejects.toThrow(code("NOT_PERSISTENT"));
    await expect(write.saved("relay")).rejects.toThrow(code("NO_RELAY"));
    const { saved } = write;
    await expect(saved("relay")).rejects.toThrow(code("NO_RELAY"));
    await expect(doc.saved("nowhere" as "local")).rejects.toThrow(code("INVALID_ARGUMENT"));
    await expect(list()).rejects.toThrow(code("STORAGE_UNAVAILABLE"));
    await doc.close();
  });

  test("works with a relay that is not there, and what waits for it is rejected at the end", async () => {
    const doc = await open(name(), { relay: "ws://127.0.0.1:9", storage: "memory" });
    const write = doc.map("m").set("a", 1);
    const saved = write.saved("relay");
    expect(["connecting", "offline"]).toContain(doc.status.state);
    expect(doc.status.unsaved).toBeGreaterThan(0);
    doc.offline(true);
    expect(doc.status.state).toBe("offline");
    doc.offline(false);
    await Promise.all([expect(saved).rejects.toThrow(code("CLOSED")), doc.close()]);
  });
});

describe("errors", () => {
  test("are DriftwoodErrors with a code", async () => {
    const doc = await open(name());
    const wrong: [() => unknown, string][] = [
      [() => doc.text("t").insert(1, "x"), "OUT_OF_RANGE"],
      [() => doc.text("t").insert(-1, "x"), "INVALID_ARGUMENT"],
      [() => doc.text("t").insert(0, 5 as unknown as string), "INVALID_ARGUMENT"],
      [() => doc.list("l").delete(0), "OUT_OF_RANGE"],
      [() => doc.list("l").map(0), "OUT_OF_RANGE"],
      [() => doc.map("m").set("k", (() => 1) as never), "INVALID_VALUE"],
      [() => doc.map("m").set("k", undefined as never), "INVALID_VALUE"],
      [() => doc.map("m").set("k", new Date() as never), "INVALID_VALUE"],
      [() => doc.map("m").set("k", doc.map("n") as never), "INVALID_VALUE"],
      [() => doc.map("m").set("k", 2n ** 70n), "INVALID_VALUE"],
      [() => doc.map("m").set("k", "\ud800"), "SPLIT_SURROGATE"],
      [() => doc.map("m").set("k".repeat(2_000), 1), "LIMIT_KEY"],
      [() => doc.map("m").set(1 as unknown as string, 1), "INVALID_ARGUMENT"],
      [() => doc.on("nothing" as "change", () => 0), "INVALID_ARGUMENT"],
      [() => doc.presence.set("x".repeat(5_000)), "LIMIT_PRESENCE"],
    ];
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    wrong.push([() => doc.map("m").set("k", cycle as never), "LIMIT_DEPTH"]);
    for (const [call, expected] of wrong) {
      expect(call, expected).toThrow(DriftwoodError);
      expect(call).toThrow(code(expected));
    }
    expect(doc.toJSON()).toEqual({});
    await doc.close();
  });
});
