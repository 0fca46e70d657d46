/** automerge. Copies start from one that has the containers, since containers that two copies make are two. */
import * as A from "@automerge/automerge";

const actor = (client) => client.toString(16).padStart(32, "0");
const base = A.save(A.change(A.init({ actor: actor(0) }), { time: 0 }, (doc) => {
  doc.text = "";
  doc.list = [];
  doc.map = {};
}));

class Copy {
  constructor(client, onDelta, saved = base) {
    this.doc = A.load(saved, { actor: actor(client) });
    this.onDelta = onDelta;
  }
  change(write) {
    this.doc = A.change(this.doc, write);
    this.onDelta?.(A.getLastLocalChange(this.doc));
  }
  insert(at, text) { this.change((doc) => A.splice(doc, ["text"], at, 0, text)); }
  delete(at, count) { this.change((doc) => A.splice(doc, ["text"], at, count)); }
  put(at, number) { this.change((doc) => doc.list.splice(at, 0, number)); }
  set(key, value) { this.change((doc) => { doc.map[key] = value; }); }
  merge(delta) { this.doc = A.loadIncremental(this.doc, delta); }
  version() { return A.getHeads(this.doc); }
  since(version) { return A.saveSince(this.doc, version); }
  save() { return A.save(this.doc); }
  read() { return [this.doc.text, [...this.doc.list], { ...this.doc.map }]; }
}

export const create = (client, onDelta) => new Copy(client, onDelta);
export const load = (client, saved) => new Copy(client, undefined, saved);
