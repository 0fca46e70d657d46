import { checkedCount } from "./check.js";
import { cursorBytes, cursorText, isRight } from "./cursor.js";
import type { Handle, Mark, RawDocument } from "./core.js";
import { DriftwoodError } from "./error.js";
import { numberOf, putValue } from "./hatch.js";
import { type AnyNode, ContainerNode, type Detail, entryValue, kindNumber } from "./node.js";
import type {
  Container, DocCounter, DocList, DocMap, DocSet, DocText, DocTree, Item, Kind, ListChange, ListPatch, ListSnapshot,
  Origin, Side, Value, Write,
} from "./types.js";

/** Stands for an element that is to be read. */
const UNREAD = Symbol("unread");

/** Beyond this many elements to read, all are read at once: one call into the module instead of many. */
const READ_EACH_MAX = 16;

/** A list and its snapshot, an array. */
export class ListNode extends ContainerNode<ListSnapshot, ListChange> implements DocList {
  readonly kind = "list";
  #patches: ListPatch[] = [];
  #changed = new Set<AnyNode>();

  get length(): number {
    return this.ask((raw) => raw.listLength(this.handle));
  }

  insert(index: number, ...values: Value[]): Write {
    const at = checkedCount(index, "an index");
    const patches = values.length === 0 ? [] : [{ at, deleted: 0, inserted: values.length }];
    return this.session.write(
      this,
      (raw) => insertIn(raw, this.handle, at, values),
      { patches },
    );
  }

  push(...values: Value[]): Write {
    return this.insert(this.length, ...values);
  }

  delete(index: number, count = 1): Write {
    return this.#remove(index, count, (raw, at, deleted) => raw.listDelete(this.handle, at, deleted));
  }

  erase(index: number, count = 1): Write {
    return this.#remove(index, count, (raw, at, deleted) => raw.listErase(this.handle, at, deleted));
  }

  #remove(index: number, count: number, call: (raw: RawDocument, at: number, deleted: number) => Mark): Write {
    const at = checkedCount(index, "an index");
    const deleted = checkedCount(count, "a count");
    const gone = this.#containers(at, deleted);
    return this.session.write(
      this,
      (raw) => call(raw, at, deleted),
      { patches: deleted === 0 ? [] : [{ at, deleted, inserted: 0 }] },
      gone,
    );
  }

  move(from: number, to: number): Write {
    const [at, goal] = [checkedCount(from, "an index"), checkedCount(to, "an index")];
    const patches = at === goal ? [] : [{ at, deleted: 1, inserted: 0 }, { at: goal, deleted: 0, inserted: 1 }];
    return this.session.write(this, (raw) => raw.listMove(this.handle, at, goal), { patches });
  }

  cursor(at: number, side: Side = "left"): string {
    const index = checkedCount(at, "an index");
    return cursorText(this.ask((raw) => raw.listCursor(this.handle, index, isRight(side))));
  }

  resolve(cursor: string): number {
    return this.ask((raw) => raw.listResolve(this.handle, cursorBytes(cursor)));
  }

  /** The nodes of the containers in a range. */
  #containers(at: number, count: number): AnyNode[] {
    if (this.inside.size === 0) return [];
    const places = [...this.inside].map((child) => [child, this.ask((raw) => raw.elementIndex(child.handle))] as const);
    return places.filter(([, place]) => place >= at && place < at + count).map(([child]) => child);
  }

  get<T extends Item = Item>(index: number): T | undefined {
    const entry = this.ask((raw) => raw.listEntry(this.handle, checkedCount(index, "an index")));
    if (entry === undefined) return undefined;
    if (entry[0] >= 0) return this.session.container(entry[1] as Handle) as T;
    const value = entry[1];
    return (typeof value === "object" && value !== null ? this.toJSON()[index] : value) as T;
  }

  insertMap(index: number): DocMap { return this.#insert(index, "map"); }
  insertList(index: number): DocList { return this.#insert(index, "list"); }
  insertText(index: number): DocText { return this.#insert(index, "text"); }
  insertSet(index: number): DocSet { return this.#insert(index, "set"); }
  insertCounter(index: number): DocCounter { return this.#insert(index, "counter"); }
  insertTree(index: number): DocTree { return this.#insert(index, "tree"); }

  #insert<C extends Container>(index: number, kind: Kind): C {
    const at = checkedCount(index, "an index");
    let handle: Handle | undefined;
    this.session.write(
      this,
      (raw) => {
        handle = raw.listInsertContainer(this.handle, at, kindNumber(kind));
        return 0;
      },
      { patches: [{ at, deleted: 0, inserted: 1 }] },
    );
    if (handle === undefined) throw new DriftwoodError("INTERNAL", "the list made no container");
    return this.session.container(handle);
  }

  map(index: number): DocMap { return this.#child(index, "map"); }
  list(index: number): DocList { return this.#child(index, "list"); }
  text(index: number): DocText { return this.#child(index, "text"); }
  setOf(index: number): DocSet { return this.#child(index, "set"); }
  counter(index: number): DocCounter { return this.#child(index, "counter"); }
  tree(index: number): DocTree { return this.#child(index, "tree"); }

  #child<C extends Container>(index: number, kind: Kind): C {
    const at = checkedCount(index, "an index");
    return this.session.container(this.ask((raw) => raw.element(this.handle, at, kindNumber(kind))));
  }

  protected note(detail: Detail): void {
    this.#patches.push(...((detail.patches ?? []) as readonly ListPatch[]));
  }

  protected noteChild(child: AnyNode): void {
    this.#changed.add(child);
  }

  protected read(previous: ListSnapshot | undefined): ListSnapshot {
    const patches = this.#patches;
    const changed = this.#changed;
    this.#patches = [];
    this.#changed = new Set();
    if (previous === undefined) return this.#readAll();
    const items: (Value | typeof UNREAD)[] = [...previous];
    for (const { at, deleted, inserted } of patches) {
      if (inserted > 10_000) return this.#readAll();
      items.splice(at, deleted, ...new Array<typeof UNREAD>(inserted).fill(UNREAD));
    }
    for (const child of changed) {
      const index = this.ask((raw) => raw.elementIndex(child.handle));
      if (index < 0) this.inside.delete(child);
      else items[index] = UNREAD;
    }
    return this.#fill(items);
  }

  #fill(items: (Value | typeof UNREAD)[]): ListSnapshot {
    const unread = items.flatMap((item, index) => (item === UNREAD ? [index] : []));
    if (unread.length <= READ_EACH_MAX) {
      for (const index of unread) {
        const entry = this.ask((raw) => raw.listEntry(this.handle, index));
        items[index] = entry === undefined ? null : entryValue(this.session, entry);
      }
    } else {
      const [, at] = this.#all();
      for (const index of unread) items[index] = at(index);
    }
    return Object.freeze(items as Value[]);
  }

  #readAll(): ListSnapshot {
    const [length, at] = this.#all();
    return Object.freeze(Array.from({ length }, (_, index) => at(index)));
  }

  /** All that the module has, at once: how many, and what is where. */
  #all(): [length: number, at: (index: number) => Value] {
    const numbers = this.ask((raw) => raw.listNumbers(this.handle));
    if (numbers !== undefined) return [numbers.length, (index) => numbers[index] as number];
    const flat = this.ask((raw) => raw.listEntries(this.handle));
    return [flat.length / 2, (index) => entryValue(this.session, [flat[2 * index] as number, flat[2 * index + 1]])];
  }

  detail(raw: unknown): Detail {
    const flat = raw as number[];
    const patches: ListPatch[] = [];
    for (let i = 0; i + 2 < flat.length; i += 3) {
      patches.push({ at: flat[i] as number, deleted: flat[i + 1] as number, inserted: flat[i + 2] as number });
    }
    return { patches };
  }

  struck(at: number, deleted: number, inserted: number): Detail {
    return { patches: [{ at, deleted, inserted }] };
  }

  protected emptied(): Detail {
    const deleted = this.length;
    return { patches: deleted === 0 ? [] : [{ at: 0, deleted, inserted: 0 }] };
  }

  protected change(origin: Origin, detail: Detail): ListChange {
    return { origin, patches: (detail.patches ?? []) as readonly ListPatch[] };
  }
}

function insertIn(raw: RawDocument, handle: Handle, at: number, values: readonly Value[]): Mark {
  if (values.length === 1) {
    const tag = putValue(values[0]);
    const mark = tag < 0 ? -1 : raw.listInsertShort(handle, at, tag, numberOf(values[0]));
    if (mark >= 0) return mark;
  }
  return raw.listInsert(handle, at, values);
}
