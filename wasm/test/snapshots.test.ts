import { open, type Change, type Doc, type ListChange, type MapChange, type TextChange } from "driftwood-sync";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

let doc: Doc;
let other: Doc;
let count = 0;
beforeEach(async () => {
  doc = await open(`snapshots-${count}`);
  other = await open(`snapshots-${count++}-other`);
});
afterEach(async () => {
  await doc.close();
  await other.close();
});

/** Brings what `doc` lacks from `other`. */
const pull = () => doc.import(other.export({ since: doc.version() }));

describe("snapshots", () => {
  test("are frozen and keep the identity of what did not change", () => {
    doc.transact(() => {
      doc.map("m").map("a").set("x", { deep: [1] });
      doc.map("m").map("b").set("y", 1);
      doc.map("m").set("plain", { p: 1 });
      const list = doc.list("l");
      list.insertMap(0).set("n", 0);
      list.insertMap(1).set("n", 1);
      list.push({ plain: true });
    });
    const before = doc.toJSON() as { m: Record<string, unknown>; l: unknown[] };
    expect(doc.toJSON()).toBe(before);
    expect(Object.isFrozen(before)).toBe(true);
    expect(Object.isFrozen((before.m as { a: { x: object } }).a.x)).toBe(true);
    expect(Object.isFrozen(before.l)).toBe(true);

    doc.map("m").map("b").set("y", 2);
    doc.list("l").map(1).set("n", "changed");
    const after = doc.toJSON() as typeof before;
    expect(after).toEqual({
      l: [{ n: 0 }, { n: "changed" }, { plain: true }],
      m: { a: { x: { deep: [1] } }, b: { y: 2 }, plain: { p: 1 } },
    });
    expect(after.m["a"]).toBe(before.m["a"]);
    expect(after.m["plain"]).toBe(before.m["plain"]);
    expect(doc.map("m").get("plain")).toBe(after.m["plain"]);
    expect(after.m["b"]).not.toBe(before.m["b"]);
    expect(after.l[0]).toBe(before.l[0]);
    expect(after.l[1]).not.toBe(before.l[1]);
    expect(after.l[2]).toBe(before.l[2]);
    expect(before.m["b"]).toEqual({ y: 1 });
  });

  test("are right after every kind of change, from here and from elsewhere", () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    for (let step = 0; step < 400; step++) {
      const at = random(2) === 0 ? doc : other;
      const key = `k${random(4)}`;
      const list = at.list("l");
      const map = at.map("m");
      [
        () => map.set(key, { step }),
        () => map.delete(key),
        () => map.map(key).set(`s${random(3)}`, step),
        () => map.text(key).insert(0, `${step} `),
        () => list.insert(random(list.length + 1), step, { step }),
        () => list.length > 0 && list.delete(random(list.length)),
        () => list.insertMap(random(list.length + 1)).set("step", step),
        () => map.list(key).push(step),
        () => at.set("s").add(random(5)),
        () => at.set("s").delete(random(5)),
        () => at.counter("c").add(random(9) - 4),
      ][random(11)]?.();
      if (random(3) === 0) {
        pull();
        other.import(doc.export({ since: other.version() }));
      }
      if (random(2) === 0) doc.toJSON();
    }
    pull();
    other.import(doc.export({ since: other.version() }));
    // A fresh copy has no snapshot to amend.
    expect(doc.toJSON()).toEqual(other.toJSON());
    expect(JSON.stringify(doc.toJSON())).toBe(JSON.stringify(other.toJSON()));
  });

  test("of a fresh copy are the same as those that were amended", async () => {
    for (let i = 0; i < 50; i++) {
      doc.list("l").insert(i % 3, i);
      doc.map("m").map(`k${i % 5}`).set("i", i);
      doc.toJSON();
    }
    const fresh = await open("snapshots-fresh");
    fresh.import(doc.export());
    expect(JSON.stringify(fresh.toJSON())).toBe(JSON.stringify(doc.toJSON()));
    await fresh.close();
  });
});

describe("subscribers", () => {
  test("are called once for a write, with the change, before it returns", () => {
    const calls: [unknown, MapChange][] = [];
    const stop = doc.map("m").subscribe((snapshot, change) => calls.push([snapshot, change]));
    doc.map("m").set("a", 1);
    expect(calls).toEqual([[{ a: 1 }, { origin: "local", keys: new Set(["a"]) }]]);
    stop();
    doc.map("m").set("a", 2);
    expect(calls).toHaveLength(1);
  });

  test("are called once for a transaction, also a nested one, also when it throws", () => {
    const fn = vi.fn();
    doc.subscribe(fn);
    doc.transact(() => {
      doc.map("m").set("a", 1);
      doc.transact(() => doc.text("t").insert(0, "x"));
      expect(fn).not.toHaveBeenCalled();
    });
    expect(fn).toHaveBeenCalledTimes(1);
    expect(fn.mock.calls[0]).toEqual([{ m: { a: 1 }, t: "x" }, { origin: "local", paths: [["m"], ["t"]] }]);
    expect(() => doc.transact(() => {
      doc.map("m").set("a", 2);
      throw new Error("mine");
    })).toThrow("mine");
    expect(fn).toHaveBeenCalledTimes(2);
    expect(doc.map("m").get("a")).toBe(2);
  });

  test("of what lies around are called for a change inside", () => {
    const changes: Change[] = [];
    doc.map("m").subscribe((_, change) => changes.push(change));
    doc.list("l").subscribe((_, change) => changes.push(change));
    doc.map("m").map("child").set("x", 1);
    doc.list("l").insertMap(0).set("x", 1);
    expect(changes).toEqual([
      { origin: "local", keys: new Set(["child"]) },
      { origin: "local", patches: [{ at: 0, deleted: 0, inserted: 1 }] },
      { origin: "local", patches: [] },
    ]);
  });

  test("of a text get patches that rebuild it, local and remote, in UTF-16", async () => {
    const text = doc.text("t");
    text.insert(0, "Hello 😀 world");
    let mirror = text.toString();
    const origins: string[] = [];
    text.subscribe((snapshot, change: TextChange) => {
      origins.push(change.origin);
      for (const { at, deleted, inserted } of change.patches) {
        mirror = mirror.slice(0, at) + inserted + mirror.slice(at + deleted);
      }
      expect(mirror).toBe(snapshot);
    });
    other.import(doc.export());
    doc.transact(() => {
      text.replace(6, 2, "🎉🎉");
      text.delete(0, 5);
    });
    other.text("t").insert(9, "big 🌍 ");
    other.text("t").delete(0, 1);
    pull();
    expect(mirror).toBe(text.toString());
    expect(origins).toEqual(["local", "remote"]);
  });

  test("of a list get patches that rebuild it", () => {
    const list = doc.list("l");
    let mirror: unknown[] = [];
    list.subscribe((snapshot, change: ListChange) => {
      for (const { at, deleted, inserted } of change.patches) {
        mirror.splice(at, deleted, ...snapshot.slice(at, at + inserted));
      }
      expect(mirror).toEqual(snapshot);
    });
    list.push(1, 2, 3);
    list.delete(1);
    other.import(doc.export());
    other.list("l").insert(1, "new");
    pull();
    expect(mirror).toEqual([1, "new", 3]);
  });

  test("inside of what is deleted are told that it is gone", () => {
    const inner = doc.map("m").map("child");
    const text = inner.text("t");
    text.insert(0, "abc");
    const told: unknown[] = [];
    text.subscribe((snapshot, change) => told.push([snapshot, change.patches]));
    doc.map("m").delete("child");
    expect(told).toEqual([["", [{ at: 0, deleted: 3, inserted: "" }]]]);
    expect(doc.toJSON()).toEqual({ m: {} });
  });

  test("may write, and one that throws does not keep the others from being called", () => {
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    const seen: unknown[] = [];
    doc.counter("c").subscribe(() => { throw new Error("a subscriber's own"); });
    doc.counter("c").subscribe((value) => {
      if (value < 3) doc.counter("c").add();
      seen.push(value);
    });
    doc.counter("c").add();
    vi.unstubAllGlobals();
    expect(seen).toEqual([1, 2, 3]);
    expect(reported).toHaveBeenCalledTimes(3);
  });
});
