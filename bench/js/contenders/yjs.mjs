/** Yjs, its first encoding. */
import * as Y from "yjs";

class Copy {
  constructor(client, onDelta) {
    this.doc = new Y.Doc();
    this.doc.clientID = client;
    this.text = this.doc.getText("text");
    this.list = this.doc.getArray("list");
    this.map = this.doc.getMap("map");
    if (onDelta) this.doc.on("update", (update, origin) => origin !== "peer" && onDelta(update));
  }
  insert(at, text) { this.text.insert(at, text); }
  delete(at, count) { this.text.delete(at, count); }
  put(at, number) { this.list.insert(at, [number]); }
  set(key, value) { this.map.set(key, value); }
  merge(delta) { Y.applyUpdate(this.doc, delta, "peer"); }
  version() { return Y.encodeStateVector(this.doc); }
  since(version) { return Y.encodeStateAsUpdate(this.doc, version); }
  save() { return Y.encodeStateAsUpdate(this.doc); }
  read() { return [this.text.toString(), this.list.toJSON(), this.map.toJSON()]; }
}

export const create = (client, onDelta) => new Copy(client, onDelta);

export function load(client, saved) {
  const copy = new Copy(client);
  copy.merge(saved);
  return copy;
}
