/** Driftwood, by its npm package as built: documents in memory, without a relay. */
import { open } from "driftwood-sync";

let number = 0;

/** Documents are opened ahead of the time that is taken, since opening answers later; the module is there then. */
const opened = [];
export async function prepare(copies) {
  while (opened.length < copies) opened.push(await open(`bench-${++number}`, { storage: "memory" }));
}

class Copy {
  constructor(onDelta) {
    this.doc = opened.pop();
    if (!this.doc) throw new Error("too few documents were prepared");
    this.text = this.doc.text("text");
    this.list = this.doc.list("list");
    this.map = this.doc.map("map");
    // Without a transaction there would be one delta for all that a task writes.
    this.write = onDelta ? (edit) => this.doc.transact(edit) : (edit) => edit();
    if (onDelta) this.doc.on("delta", onDelta);
  }
  insert(at, text) { this.write(() => this.text.insert(at, text)); }
  delete(at, count) { this.write(() => this.text.delete(at, count)); }
  put(at, number) { this.write(() => this.list.insert(at, number)); }
  set(key, value) { this.write(() => this.map.set(key, value)); }
  merge(delta) { this.doc.import(delta); }
  version() { return this.doc.version(); }
  since(version) { return this.doc.export({ since: version }); }
  save() { return this.doc.export(); }
  read() { return [this.text.toJSON(), this.list.toJSON(), this.map.toJSON()]; }
}

export const create = (_client, onDelta) => new Copy(onDelta);

export function load(_client, saved) {
  const copy = new Copy();
  copy.merge(saved);
  return copy;
}
