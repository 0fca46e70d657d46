import type { Handle, Mark, RawDocument } from "./core.js";
import { checkedText } from "./check.js";
import { CounterNode } from "./counter.js";
import { type Audience, Listeners } from "./emitter.js";
import { DriftwoodError } from "./error.js";
import { ListNode } from "./list.js";
import { guarded } from "./load.js";
import { MapNode } from "./map.js";
import { type AnyNode, type Detail, kindNumber } from "./node.js";
import { Saving } from "./saving.js";
import { SetNode } from "./set.js";
import { TextNode } from "./text.js";
import { TreeContainer } from "./tree.js";
import type { Container, Kind, ListPatch, Origin, TextPatch, Write } from "./types.js";

const NODES = [MapNode, ListNode, TextNode, SetNode, CounterNode, TreeContainer] as const;

/** The changes of one origin that subscribers are told about together. */
export interface Batch {
  readonly origin: Origin;
  readonly changes: Map<AnyNode, Gathered>;
}

/** What changed in a container, as it comes together. */
interface Gathered extends Detail {
  keys?: Set<string>;
  patches?: (TextPatch | ListPatch)[];
}

/** One open document from the inside: its containers, and who is told what when. */
export class Session {
  readonly saving: Saving;
  /** Called after local writes were told. */
  readonly written: Listeners<[]>;
  /** How many undo managers there are. */
  recorders = 0;
  closed = false;
  #nodes = new Map<Handle, AnyNode>();
  #batches: Batch[] = [];
  #depth = 0;
  #delivering = false;
  #deliveryDue = false;
  #apart = false;

  constructor(
    readonly raw: RawDocument,
    /** Told of every change, at once. */
    private readonly touched: () => void,
    /** Told after the containers' own subscribers. */
    private readonly told: (batch: Batch) => void,
    /** All who are told of changes: as long as there is none, nothing is remembered for them. */
    readonly audience: Audience,
  ) {
    this.written = new Listeners(audience);
    this.saving = new Saving(this);
  }

  /** A call that reads. */
  ask<T>(call: (raw: RawDocument) => T): T {
    this.#checkHere();
    return guarded(call, this.raw);
  }

  /** A call that writes. */
  demand<T>(call: (raw: RawDocument) => T): T {
    if (this.closed) throw new DriftwoodError("CLOSED", "the document was closed");
    this.#checkHere();
    return guarded(call, this.raw);
  }

  #checkHere(): void {
    if (this.#apart) throw new DriftwoodError("INVALID_ARGUMENT", "a seed reads and writes only what it is given");
  }

  /** Runs `fn` on a session of its own, while the module has another document in the place of this one. */
  apart(fn: (draft: Session) => void): void {
    const draft = new Session(this.raw, () => undefined, () => undefined, { size: 0 });
    this.#apart = true;
    try {
      fn(draft);
    } finally {
      this.#apart = false;
      draft.closed = true;
    }
  }

  /** The node of a handle; the same one every time. */
  node(handle: Handle): AnyNode {
    let node = this.#nodes.get(handle);
    if (node === undefined) {
      const [kind, parent, key] = this.ask((raw) => raw.describe(handle));
      node = new NODES[kind](this, handle, parent < 0 ? undefined : this.node(parent), key) as AnyNode;
      this.#nodes.set(handle, node);
    }
    return node;
  }

  /** The container of a handle, as users see it. */
  container<C extends Container>(handle: Handle): C {
    return this.node(handle) as unknown as C;
  }

  root<C extends Container>(name: string, kind: Kind): C {
    return this.container(this.ask((raw) => raw.root(checkedText(name, "a name"), kindNumber(kind))));
  }

  /** Makes a local change and tells what it did. The content of the containers in `gone` goes with it. */
  write(node: AnyNode, call: (raw: RawDocument) => Mark, detail: Detail, gone?: Iterable<AnyNode>): Write {
    const emptied = gone && [...gone].flatMap((child) => child.emptying());
    const mark = this.demand(call);
    this.record("local", node, detail);
    if (emptied) for (const [child, content] of emptied) this.record("local", child, content);
    this.settle();
    return this.saving.write(mark);
  }

  get inTransaction(): boolean {
    return this.#depth > 0;
  }

  /** Runs `fn`; subscribers are told at the end of the outermost one. */
  transact<T>(fn: () => T): T {
    const undone = this.#depth === 0 && this.recorders > 0;
    if (undone) this.ask((raw) => raw.transaction(true));
    this.#depth += 1;
    try {
      return fn();
    } finally {
      this.#depth -= 1;
      if (undone) this.ask((raw) => raw.transaction(false));
      this.settle();
    }
  }

  /** Takes changes that came from elsewhere. It is called from inside the module: subscribers are told later. */
  receive(changes: readonly unknown[]): void {
    this.take("remote", changes);
    this.#deliverLater();
  }

  /** The same of one change, as `Sink.changed` has it. */
  receiveOne(handle: Handle, at: number, deleted: number, inserted: number): void {
    const node = this.node(handle);
    this.record("remote", node, node.struck(at, deleted, inserted));
    this.#deliverLater();
  }

  #deliverLater(): void {
    if (this.#deliveryDue) return;
    this.#deliveryDue = true;
    queueMicrotask(() => {
      this.#deliveryDue = false;
      this.settle();
    });
  }

  /** Records changes as the module has them. */
  take(origin: Origin, changes: readonly unknown[]): void {
    for (let i = 0; i + 1 < changes.length; i += 2) {
      const node = this.node(changes[i] as Handle);
      this.record(origin, node, node.detail(changes[i + 1]));
    }
  }

  /** Marks what changed, and remembers to tell it. */
  record(origin: Origin, node: AnyNode, detail: Detail): void {
    node.invalidate(detail);
    this.touched();
    if (this.audience.size === 0) return;
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.origin !== origin) {
      batch = { origin, changes: new Map() };
      this.#batches.push(batch);
    }
    gather(batch.changes, node, detail);
  }

  /** Tells everything there is to tell, unless a transaction is open. */
  settle(): void {
    // What subscribers change themselves is told by the loop that called them.
    if (this.#depth > 0 || this.#delivering || this.#batches.length === 0) return;
    this.#delivering = true;
    try {
      for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
        this.#tell(batch);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #tell(batch: Batch): void {
    const all = new Map(batch.changes);
    for (const start of batch.changes.keys()) {
      for (let node = start; node.outer !== undefined; node = node.outer) {
        const inside: Detail = node.key === undefined ? {} : { keys: [node.key] };
        gather(all, node.outer, inside);
      }
    }
    for (const [node, detail] of all) node.tell(batch.origin, detail);
    this.told(batch);
    if (batch.origin === "local") this.written.call();
  }
}

/** Adds to what is known of a node. */
function gather(all: Map<AnyNode, Gathered>, node: AnyNode, { keys, patches }: Detail): void {
  let earlier = all.get(node);
  if (earlier === undefined) all.set(node, (earlier = {}));
  if (keys !== undefined) {
    earlier.keys ??= new Set();
    for (const key of keys) earlier.keys.add(key);
  }
  if (patches !== undefined) {
    earlier.patches ??= [];
    for (const patch of patches) earlier.patches.push(patch);
  }
}
