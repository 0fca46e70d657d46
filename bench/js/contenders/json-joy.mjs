/** json-joy. Copies are forks of one that has the containers. */
import crdt from "json-joy/lib/json-crdt/index.js";
import patch from "json-joy/lib/json-crdt-patch/index.js";

const { Model } = crdt;
const { Patch } = patch;

const first = Model.create(undefined, 70_000);
first.api.root({ text: "", list: [], map: {} });
first.api.flush();
const base = first.toBinary();

/** As large as the random ones that it takes by itself. */
const session = (client) => client * 1_000_003;

class Copy {
  constructor(client, onDelta, saved = base) {
    this.model = Model.load(saved, session(client));
    this.onDelta = onDelta;
    this.text = this.model.api.str(["text"]);
    this.list = this.model.api.arr(["list"]);
    this.map = this.model.api.obj(["map"]);
  }
  // Who wants no deltas has none made: what is written gathers until somebody asks.
  wrote() { if (this.onDelta) this.onDelta(this.model.api.flush().toBinary()); }
  insert(at, text) { this.text.ins(at, text); this.wrote(); }
  delete(at, count) { this.text.del(at, count); this.wrote(); }
  put(at, number) { this.list.ins(at, [number]); this.wrote(); }
  set(key, value) { this.map.set({ [key]: value }); this.wrote(); }
  merge(delta) { this.model.applyPatch(Patch.fromBinary(delta)); }
  version() { this.model.api.flush(); }
  since() { return this.model.api.flush().toBinary(); }
  save() { this.model.api.flush(); return this.model.toBinary(); }
  read() { const { text, list, map } = this.model.view(); return [text, list, map]; }
}

export const create = (client, onDelta) => new Copy(client, onDelta);
export const load = (client, saved) => new Copy(client, undefined, saved);
