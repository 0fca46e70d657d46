import type { Handle, RawDocument, RawKind } from "./core.js";
import { Listeners } from "./emitter.js";
import type { Session } from "./session.js";
import type { Change, Kind, ListPatch, Origin, TextPatch, Unsubscribe, Value } from "./types.js";

/** The kinds in the order of their numbers in `core.js`. */
export const KINDS = ["map", "list", "text", "set", "counter", "tree"] as const satisfies readonly Kind[];

/** The number of a kind. */
export const kindNumber = (kind: Kind): RawKind => KINDS.indexOf(kind) as RawKind;

/** What changed in a container. */
export interface Detail {
  /** Keys of a map, nodes of a tree. */
  keys?: Iterable<string>;
  patches?: readonly (TextPatch | ListPatch)[];
}

/** A container of whatever kind. */
export type AnyNode = ContainerNode<any, any>;

/**
 * One container of an open document: the handle that users hold, and the cache of its snapshot.
 *
 * There is one node for each container that was asked for or that changed. A change makes the node's snapshot and
 * those of its ancestors stale; the next `toJSON` makes new ones from the old, reading only what changed.
 */
export abstract class ContainerNode<Snapshot = unknown, C extends Change = Change> {
  abstract readonly kind: Kind;
  /** The nodes inside that exist. */
  readonly inside = new Set<AnyNode>();
  readonly subscribers: Listeners<[Snapshot, C]>;
  #snapshot: Snapshot | undefined;
  #stale = true;

  constructor(
    readonly session: Session,
    readonly handle: Handle,
    readonly outer: AnyNode | undefined,
    /** The key in the parent map, the node in the parent tree, a root's name, or nothing for a list's element. */
    readonly key: string | undefined,
  ) {
    this.subscribers = new Listeners(session.audience);
    outer?.inside.add(this);
  }

  /** Makes the present snapshot, from the last one where there is one. */
  protected abstract read(previous: Snapshot | undefined): Snapshot;
  /** Takes note of a change, for the next `read`; `previous` says whether there is a snapshot to amend. */
  protected abstract note(detail: Detail): void;
  /** Takes note of a change inside a child. */
  protected abstract noteChild(child: AnyNode): void;
  /** What to tell a subscriber. */
  protected abstract change(origin: Origin, detail: Detail): C;

  /** What an entry of `Sink`'s changes says. */
  abstract detail(raw: unknown): Detail;
  /** What `Sink.changed` says. */
  abstract struck(at: number, deleted: number, inserted: number): Detail;
  /** The change that emptying this container would be. */
  protected abstract emptied(): Detail;

  /** The changes that emptying this and all containers inside would be, to be asked for before it is done. */
  emptying(): [AnyNode, Detail][] {
    const inside = [...this.inside].flatMap((child) => child.emptying());
    return [[this, this.emptied()], ...inside];
  }

  /** A call into the module, for reading: it works as long as the module does, also after `close`. */
  protected ask<T>(call: (raw: RawDocument) => T): T {
    return this.session.ask(call);
  }

  toJSON(): Snapshot {
    if (this.#stale || this.#snapshot === undefined) {
      this.#snapshot = this.read(this.#snapshot);
      this.#stale = false;
    }
    return this.#snapshot;
  }

  subscribe(fn: (snapshot: Snapshot, change: C) => void): Unsubscribe {
    return this.subscribers.add(fn);
  }

  /** Marks this and all around it as changed. */
  invalidate(detail: Detail): void {
    this.#stale = true;
    this.note(detail);
    for (let node: AnyNode = this; node.outer !== undefined; node = node.outer) {
      node.outer.#stale = true;
      node.outer.noteChild(node);
    }
  }

  /** Tells the subscribers. */
  tell(origin: Origin, detail: Detail): void {
    if (this.subscribers.size > 0) this.subscribers.call(this.toJSON(), this.change(origin, detail));
  }

  /** Where this is now: names, keys, list positions. A part that was deleted ends the path. */
  path(): (string | number)[] {
    const step = this.key ?? this.ask((raw) => raw.elementIndex(this.handle));
    return this.outer === undefined ? [step] : [...this.outer.path(), step];
  }
}

/** The value that an entry from `core.js` stands for. */
export function entryValue(session: Session, entry: readonly [number, unknown]): Value {
  const [tag, value] = entry;
  return tag < 0 ? (value as Value) : (session.node(value as Handle).toJSON() as Value);
}
