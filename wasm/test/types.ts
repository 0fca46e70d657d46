// Checked by `tsc`, not run: what a user writes must have the types a user expects.
import { destroy, list, open, DriftwoodError } from "driftwood-sync";
import type {
  Conflict, Doc, DocMap, Item, ListPatch, MapSnapshot, Status, TextPatch, TreeSnapshot, Value,
} from "driftwood-sync";

/** Holds only when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>) => undefined;

export async function examples(): Promise<void> {
  const doc = await open("notes", { relay: "ws://localhost:4455", presence: { name: "Ada" } });
  same<typeof doc, Doc>(true);

  await doc.map("todos").set("a", { title: "Milk", tags: ["x"], at: 5n, raw: new Uint8Array() }).saved("relay");
  // @ts-expect-error functions cannot be stored
  doc.map("todos").set("a", () => 1);
  // @ts-expect-error there are three levels
  await doc.saved("everywhere");

  const item = doc.map("todos").get("a");
  same<typeof item, Item | undefined>(true);
  const title = doc.map("meta").get<string>("title");
  same<typeof title, string | undefined>(true);
  const child = doc.list("todos").insertMap(0);
  same<typeof child, DocMap>(true);

  const stop = doc.map("todos").subscribe((snapshot, change) => {
    same<typeof snapshot, MapSnapshot>(true);
    same<typeof change.keys, ReadonlySet<string>>(true);
    // @ts-expect-error snapshots are read-only
    snapshot["a"] = 1;
  });
  stop();
  doc.text("body").subscribe((text, { patches, origin }) => {
    same<typeof text, string>(true);
    same<typeof patches, readonly TextPatch[]>(true);
    same<typeof origin, "local" | "remote">(true);
  });
  doc.list("todos").subscribe((_, { patches }) => same<typeof patches, readonly ListPatch[]>(true));
  doc.set("tags").subscribe((values) => same<typeof values, readonly Value[]>(true));
  doc.counter("likes").subscribe((n) => same<typeof n, number>(true));

  const id = doc.tree("outline").create(null, 0);
  same<typeof id, string>(true);
  doc.tree("outline").subscribe((nodes, { nodes: changed }) => {
    same<typeof nodes, TreeSnapshot>(true);
    same<typeof changed, ReadonlySet<string>>(true);
  });
  await doc.tree("outline").move(id, null).saved("local");
  // @ts-expect-error where it goes must be said
  doc.tree("outline").move(id);
  await doc.list("todos").move(0, 1).saved();
  doc.text("body").mark({ start: 0, end: 1 }, "bold", true, { expand: "both" });
  doc.text("body").mark(0, 1, "bold", true);
  // @ts-expect-error an embed is an object
  doc.text("body").embed(0, "image");
  doc.text("body").applyDelta([{ retain: 1, attributes: { bold: null } }, { insert: { image: "x" } }, { delete: 1 }]);
  doc.text("body").applyDelta(doc.text("body").toDelta());
  const conflicts = doc.map("meta").conflicts("title");
  same<typeof conflicts, Conflict[]>(true);
  doc.seed("welcome", (seed) => { seed.text("body").insert(0, "x"); });
  // @ts-expect-error a seed has no storage of its own
  doc.seed("welcome", (seed) => { void seed.saved(); });
  const undo = doc.undoManager({ scope: doc.text("body"), groupMs: 300, onPop: (data) => data });
  undo.on("change", ({ canUndo }) => same<typeof canUndo, boolean>(true));
  for (const { differences } of doc.changesSince(doc.version()).containers) {
    for (const difference of differences) if (difference.type === "count") same<typeof difference.time, number>(true);
  }

  doc.on("status", (status) => same<typeof status, Status>(true));
  doc.on("storage", ({ code }) => code === "STORAGE_FULL");
  doc.on("error", (error) => error.code.startsWith("LIMIT"));
  // @ts-expect-error there is no such event
  doc.on("nothing", () => undefined);

  const result = doc.transact(() => 5);
  same<typeof result, number>(true);
  const names = await list();
  same<typeof names, string[]>(true);
  await destroy("notes").catch((error: unknown) => error instanceof DriftwoodError && error.code);
}
