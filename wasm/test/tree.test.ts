import { open, type Doc, type DocTree, type TreeNode } from "driftwood-sync";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let doc: Doc;
let tree: DocTree;
let count = 0;
beforeEach(async () => {
  doc = await open(`tree-${count++}`);
  tree = doc.tree("outline");
});
afterEach(() => doc.close());

/** A node with a title. */
function node(title: string, parent?: string | null, index?: number): string {
  const id = tree.create(parent, index);
  tree.data(id).set("title", title);
  return id;
}

type Titles = { [title: string]: Titles };
const titles = (nodes: readonly TreeNode[]): Titles =>
  Object.fromEntries(nodes.map(({ data, children }) => [data["title"] as string, titles(children)]));

describe("trees", () => {
  test("have nodes under nodes, in order", () => {
    const b = node("b");
    const a = node("a", null, 0);
    const a2 = node("a2", a);
    const a1 = node("a1", a, 0);
    expect(tree.children()).toEqual([a, b]);
    expect(tree.children(a)).toEqual([a1, a2]);
    expect([tree.parent(a1), tree.parent(a)]).toEqual([a, null]);
    expect(titles(tree.toJSON())).toEqual({ a: { a1: {}, a2: {} }, b: {} });
    expect(doc.toJSON()["outline"]).toEqual([
      {
        id: a,
        data: { title: "a" },
        children: [
          { id: a1, data: { title: "a1" }, children: [] },
          { id: a2, data: { title: "a2" }, children: [] },
        ],
      },
      { id: b, data: { title: "b" }, children: [] },
    ]);
  });

  test("move nodes with what is under them, but not under themselves", () => {
    const [a, b] = [node("a"), node("b")];
    const inside = node("inside", a);
    tree.move(a, b);
    expect(titles(tree.toJSON())).toEqual({ b: { a: { inside: {} } } });
    expect(() => tree.move(b, inside)).toThrow(expect.objectContaining({ code: "CYCLE" }));
    tree.move(inside, null, 0);
    expect(Object.keys(titles(tree.toJSON()))).toEqual(["inside", "b"]);
    tree.move(inside, null);
    expect(Object.keys(titles(tree.toJSON()))).toEqual(["b", "inside"]);
  });

  test("delete nodes with all under them", () => {
    const a = node("a");
    const inside = node("inside", a);
    const data = tree.data(inside);
    const heard: unknown[] = [];
    data.subscribe((snapshot, { keys }) => heard.push([snapshot, [...keys]]));
    tree.subscribe((_, { nodes }) => heard.push([...nodes].sort()));
    tree.delete(a);
    expect(heard).toContainEqual([{}, ["title"]]);
    expect(heard).toContainEqual([a, inside].sort());
    expect([tree.has(a), tree.has(inside), tree.parent(inside)]).toEqual([false, false, undefined]);
    expect(tree.toJSON()).toEqual([]);
    expect(() => data.set("title", "?")).toThrow(expect.objectContaining({ code: "DELETED" }));
    expect(() => tree.create(a)).toThrow(expect.objectContaining({ code: "DELETED" }));
    tree.delete(a);
  });

  test("tell which nodes changed, here and elsewhere", async () => {
    const a = node("a");
    const other = await open(`tree-other-${count++}`);
    other.import(doc.export());
    const heard: unknown[] = [];
    tree.subscribe((_, { origin, nodes }) => heard.push([origin, [...nodes]]));
    other.tree("outline").subscribe((_, { origin, nodes }) => heard.push([origin, [...nodes]]));
    tree.data(a).set("title", "A");
    const b = tree.create(a);
    other.import(doc.export({ since: other.version() }));
    expect(heard.slice(0, 2)).toEqual([["local", [a]], ["local", [b]]]);
    const [[origin, nodes]] = heard.slice(2) as [[string, string[]]];
    expect([origin, nodes.sort()]).toEqual(["remote", [a, b].sort()]);
    expect(other.tree("outline").toJSON()).toEqual(tree.toJSON());
    await other.close();
  });

  test("keep what did not change in their snapshots", () => {
    const [a, b] = [node("a"), node("b")];
    node("a1", a);
    const before = tree.toJSON();
    expect(tree.toJSON()).toBe(before);
    tree.data(b).set("title", "B");
    const after = tree.toJSON();
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    expect([after, after[0], after[0]?.children, after[0]?.data].every(Object.isFrozen)).toBe(true);
  });

  test("lie in maps and lists, and have paths", () => {
    const inside = doc.map("m").tree("t");
    const id = inside.create();
    const paths: unknown[] = [];
    doc.subscribe((_, change) => paths.push(...change.paths));
    inside.data(id).text("body").insert(0, "x");
    expect(paths).toEqual([["m", "t", id, "body"]]);
    doc.list("l").insertTree(0).create();
    expect(doc.list("l").tree(0).children()).toHaveLength(1);
    expect(doc.map("m").get("t")).toBe(inside);
  });

  test("of any depth are read without recursion", () => {
    let parent: string | null = null;
    doc.transact(() => { for (let i = 0; i < 2_000; i += 1) parent = tree.create(parent); });
    let depth = 0;
    for (let nodes = tree.toJSON(); nodes.length > 0; nodes = (nodes[0] as TreeNode).children) depth += 1;
    expect(depth).toBe(33);
    expect(JSON.stringify(tree.toJSON()).match(/"id"/g)).toHaveLength(2_000);
    tree.delete(tree.children()[0] as string);
    expect(tree.toJSON()).toEqual([]);
  });

  test("refuse what is no id", () => {
    for (const wrong of ["x", "1:y", ""]) {
      expect(() => tree.has(wrong)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
    expect(() => tree.create(null, 1)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
    expect(() => tree.create(5 as never)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(tree.has("0000000000000001:1")).toBe(false);
  });
});

test("two who move one node at the same time have moved it once", async () => {
  const [a, b, c] = [node("a"), node("b"), node("c")];
  const other = await open(`tree-other-${count++}`);
  other.import(doc.export());
  tree.move(c, a);
  other.tree("outline").move(c, b);
  other.import(doc.export({ since: other.version() }));
  doc.import(other.export({ since: doc.version() }));
  expect(other.toJSON()).toEqual(doc.toJSON());
  expect([...tree.children(a), ...tree.children(b)]).toEqual([c]);
  await other.close();
});
