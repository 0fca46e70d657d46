// Checked by `tsc`, not run: what a user writes must have the types a user expects.
import { destroy, list, open, DriftwoodError } from "driftwood-sync";
import type { Doc, DocMap, Item, ListPatch, MapSnapshot, Status, TextPatch, Value } from "driftwood-sync";

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
