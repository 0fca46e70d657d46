import { afterEach, beforeEach, expect, test } from "vitest";
import { open, type Doc } from "driftwood-sync";

let serial = 0;
let doc: Doc;
const code = (value: string) => expect.objectContaining({ code: value });

beforeEach(async () => { doc = await open(`journal ${serial += 1}`, { journal: true, storage: "memory" }); });
afterEach(() => doc.close());

test("a named version is read and brought back, as a change like any other", async () => {
  doc.text("body").insert(0, "first draft");
  doc.list("todos").push("tent");
  doc.tree("outline").create();
  const then = doc.toJSON();
  const { label, version, time } = doc.journal.name("draft");
  expect(label).toBe("draft");
  expect(version).toEqual(doc.version());
  expect(Math.abs(Date.now() - time)).toBeLessThan(120_000);
  doc.text("body").replace(0, 5, "second");
  doc.list("todos").delete(0);
  doc.map("meta").set("a", 1);
  expect(doc.journal.at("draft")).toEqual({ body: "first draft", todos: ["tent"], outline: [{ data: {} }] });
  expect(Object.isFrozen(doc.journal.at(version))).toBe(true);
  expect(doc.journal.names()).toEqual([{ label, version, time }]);

  const heard: unknown[] = [];
  doc.on("change", ({ origin, paths }) => heard.push([origin, paths.length > 0]));
  const before = doc.version();
  doc.revert("draft");
  expect(heard).toEqual([["local", true]]);
  expect(doc.text("body").toString()).toBe("first draft");
  expect(doc.list("todos").toJSON()).toEqual(then["todos"]);
  expect(doc.map("meta").toJSON()).toEqual({});

  const other = await open(`journal ${serial += 1}`, { storage: "memory" });
  other.import(doc.export());
  expect(other.toJSON()).toEqual(doc.toJSON());
  await other.close();
  doc.revert(before);
  expect(doc.text("body").toString()).toBe("second draft");
  expect(doc.map("meta").toJSON()).toEqual({ a: 1 });
});

test("what others did is in it, and what is erased is not", async () => {
  const other = await open(`journal ${serial += 1}`, { storage: "memory" });
  other.text("body").insert(0, "from afar");
  other.map("meta").set("secret", "s3cr3t");
  doc.import(other.export());
  doc.journal.name("as it came");
  expect(doc.journal.at("as it came")).toEqual({ body: "from afar", meta: { secret: "s3cr3t" } });
  other.map("meta").erase("secret");
  doc.import(other.export({ since: doc.version() }));
  expect(JSON.stringify(doc.journal.at("as it came"))).not.toContain("s3cr3t");
  expect(doc.journal.at("as it came")).toMatchObject({ body: "from afar" });
  await other.close();
});

test("asks for what it has", async () => {
  expect(() => doc.journal.at("nothing")).toThrow(code("NOT_RECORDED"));
  expect(() => doc.revert("nothing")).toThrow(code("NOT_RECORDED"));
  expect(() => doc.journal.at(new Uint8Array([255]))).toThrow(code("BAD_BYTES"));
  expect(() => doc.journal.name("x".repeat(2_000))).toThrow(code("LIMIT_KEY"));
  const plain = await open(`journal ${serial += 1}`, { storage: "memory" });
  plain.text("body").insert(0, "x");
  expect(() => plain.journal.name("a")).toThrow(code("INVALID_ARGUMENT"));
  expect(() => plain.revert(plain.version())).toThrow(code("INVALID_ARGUMENT"));
  expect(() => doc.revert(plain.version())).toThrow(code("NOT_RECORDED"));
  await plain.close();
});
