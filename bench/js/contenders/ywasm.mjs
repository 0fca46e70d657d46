/** ywasm: yrs in WebAssembly. */
import Y from "ywasm";

class Copy {
  constructor(client, onDelta) {
    this.doc = new Y.YDoc({ clientID: client });
    this.text = this.doc.getText("text");
    this.list = this.doc.getArray("list");
    this.map = this.doc.getMap("map");
    this.quiet = false;
    if (onDelta) this.doc.onUpdate((update) => this.quiet || onDelta(update.slice()));
  }
  insert(at, text) { this.text.insert(at, text, undefined, undefined); }
  delete(at, count) { this.text.delete(at, count, undefined); }
  put(at, number) { this.list.insert(at, [number], undefined); }
  set(key, value) { this.map.set(key, value, undefined); }
  merge(delta) {
    this.quiet = true;
    Y.applyUpdate(this.doc, delta, undefined);
    this.quiet = false;
  }
  version() { return Y.encodeStateVector(this.doc); }
  since(version) { return Y.encodeStateAsUpdate(this.doc, version); }
  save() { return Y.encodeStateAsUpdate(this.doc, undefined); }
  read() { return [this.text.toString(undefined), this.list.toJson(undefined), this.map.toJson(undefined)]; }
}

export const create = (client, onDelta) => new Copy(client, onDelta);

export function load(client, saved) {
  const copy = new Copy(client);
  copy.merge(saved);
  return copy;
}
