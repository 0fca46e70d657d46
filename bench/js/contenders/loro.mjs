/** Loro, which loads lazily. */
import { LoroDoc } from "loro-crdt";

class Copy {
  constructor(client, onDelta, saved) {
    this.doc = new LoroDoc();
    if (saved) this.doc.import(saved);
    this.doc.setPeerId(BigInt(client));
    this.text = this.doc.getText("text");
    this.list = this.doc.getList("list");
    this.map = this.doc.getMap("map");
    if (onDelta) this.doc.subscribeLocalUpdates(onDelta);
  }
  insert(at, text) { this.text.insert(at, text); this.doc.commit(); }
  delete(at, count) { this.text.delete(at, count); this.doc.commit(); }
  put(at, number) { this.list.insert(at, number); this.doc.commit(); }
  set(key, value) { this.map.set(key, value); this.doc.commit(); }
  merge(delta) { this.doc.import(delta); }
  version() { return this.doc.oplogVersion(); }
  since(version) { return this.doc.export({ mode: "update", from: version }); }
  save() { return this.doc.export({ mode: "snapshot" }); }
  read() { return [this.text.toString(), this.list.toJSON(), this.map.toJSON()]; }
}

export const create = (client, onDelta) => new Copy(client, onDelta);
export const load = (client, saved) => new Copy(client, undefined, saved);
