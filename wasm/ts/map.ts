import type { Handle, Mark, RawDocument } from "./core.js";
import { numberOf, putString, putValue, takeString } from "./hatch.js";
import { type AnyNode, ContainerNode, type Detail, entryValue, kindNumber } from "./node.js";
import type {
  Conflict, Container, DocCounter, DocList, DocMap, DocSet, DocText, DocTree, Item, Kind, MapChange, MapSnapshot,
  Origin, Value, Write,
} from "./types.js";
import { checkedText } from "./check.js";

/** A map and its snapshot. */
export class MapNode extends ContainerNode<MapSnapshot, MapChange> implements DocMap {
  readonly kind = "map";
  #handles = new Map<string, Container>();
  #changed = new Set<string>();

  get size(): number {
    return this.keys().length;
  }

  set(key: string, value: Value): Write {
    return this.#write(key, (raw) => setIn(raw, this.handle, checkedText(key, "a key"), value));
  }

  delete(key: string): Write {
    return this.#write(key, (raw) => raw.mapDelete(this.handle, checkedText(key, "a key")));
  }

  erase(key: string): Write {
    return this.#write(key, (raw) => raw.mapErase(this.handle, checkedText(key, "a key")));
  }

  #write(key: string, call: Parameters<typeof this.session.write>[1]): Write {
    const inside = [...this.inside].filter((child) => child.key === key);
    return this.session.write(this, call, { keys: [key] }, inside);
  }

  get<T extends Item = Item>(key: string): T | undefined {
    const entry = this.ask((raw) => raw.mapEntry(this.handle, checkedText(key, "a key")));
    return entry && (this.#item(key, entry) as T);
  }

  has(key: string): boolean {
    return this.ask((raw) => raw.mapEntry(this.handle, checkedText(key, "a key"))) !== undefined;
  }

  keys(): string[] {
    return this.ask((raw) => raw.mapKeys(this.handle));
  }

  entries(): [string, Item][] {
    return this.keys().map((key) => [key, this.get(key) as Item]);
  }

  conflicts(key: string): Conflict[] {
    const flat = this.ask((raw) => raw.mapConflicts(this.handle, checkedText(key, "a key")));
    const found: Conflict[] = [];
    for (let i = 0; i + 3 < flat.length; i += 4) {
      const [value, replica, time, id] = flat.slice(i, i + 4) as [Value, string, number, string];
      found.push(Object.freeze({ value, replica, time, id }));
    }
    return found;
  }

  map(key: string): DocMap { return this.#child(key, "map"); }
  list(key: string): DocList { return this.#child(key, "list"); }
  text(key: string): DocText { return this.#child(key, "text"); }
  setOf(key: string): DocSet { return this.#child(key, "set"); }
  counter(key: string): DocCounter { return this.#child(key, "counter"); }
  tree(key: string): DocTree { return this.#child(key, "tree"); }

  #child<C extends Container>(key: string, kind: Kind): C {
    const name = kind + checkedText(key, "a key");
    let child = this.#handles.get(name);
    if (child === undefined) {
      child = this.session.container(this.ask((raw) => raw.child(this.handle, key, kindNumber(kind))));
      this.#handles.set(name, child);
    }
    return child as C;
  }

  /** A plain value as the snapshot has it, so that it is the same object each time. */
  #item(key: string, entry: readonly [number, unknown]): Item {
    if (entry[0] >= 0) return this.session.container(entry[1] as number);
    const value = entry[1];
    return typeof value === "object" && value !== null ? (this.toJSON()[key] as Item) : (value as Item);
  }

  protected note(detail: Detail): void {
    for (const key of detail.keys ?? []) this.#changed.add(key);
  }

  protected noteChild(child: AnyNode): void {
    if (child.key !== undefined) this.#changed.add(child.key);
  }

  protected read(previous: MapSnapshot | undefined): MapSnapshot {
    const changed = this.#changed;
    this.#changed = new Set();
    const snapshot: Record<string, Value> = {};
    // In the order of the keys, which is the same in every copy.
    for (const key of this.keys()) {
      const old = previous !== undefined && !changed.has(key) && Object.hasOwn(previous, key) ? previous[key] : undefined;
      put(snapshot, key, old ?? this.#read(key));
    }
    return Object.freeze(snapshot);
  }

  #read(key: string): Value {
    const entry = this.ask((raw) => raw.mapEntry(this.handle, key));
    return entry === undefined ? null : entryValue(this.session, entry);
  }

  detail(raw: unknown): Detail {
    return { keys: raw as string[] };
  }

  struck(_at: number, _deleted: number, key: number): Detail {
    return { keys: [takeString(key)] };
  }

  protected emptied(): Detail {
    return { keys: this.keys() };
  }

  protected change(origin: Origin, detail: Detail): MapChange {
    return { origin, keys: new Set(detail.keys) };
  }
}

function setIn(raw: RawDocument, handle: Handle, key: string, value: Value): Mark {
  const tag = putString(key) ? putValue(value, key.length) : -1;
  const mark = tag < 0 ? -1 : raw.mapSetShort(handle, key.length, tag, numberOf(value));
  return mark >= 0 ? mark : raw.mapSet(handle, key, value);
}

/** Sets a property; assigning to `__proto__` would set the prototype. */
export function put(object: Record<string, Value>, key: string, value: Value): void {
  if (key === "__proto__") Object.defineProperty(object, key, { value, enumerable: true });
  else object[key] = value;
}
