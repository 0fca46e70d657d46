import { checkedBytes, checkedText } from "./check.js";
import type { Handle, RawDocument, Sink } from "./core.js";
import { type Audience, Listeners } from "./emitter.js";
import { DriftwoodError } from "./error.js";
import { putBytes, takeBytes } from "./hatch.js";
import { JournalFace } from "./journal.js";
import { guardedAsync, onPoison } from "./load.js";
import { put } from "./map.js";
import { type AnyNode, ContainerNode } from "./node.js";
import { PresenceState } from "./presence.js";
import { Session, type Batch } from "./session.js";
import type {
  Container, Difference, Differences, Doc, DocChange, DocCounter, DocEvents, DocList, DocMap, DocSet, DocSnapshot, DocText, DocTree, ExportOptions, Journal, Level, Presence, Seed,
  Status, StorageReport, UndoManager, UndoOptions, Unsubscribe, Value, Write,
} from "./types.js";
import { UndoFace } from "./undo.js";

/** Made once: a transaction may be a keystroke. */
const takeDelta = (raw: RawDocument) => raw.takeDelta();
const importChanges = (raw: RawDocument, changes: Uint8Array) => {
  if (!putBytes(changes) || !raw.importShort(changes.length)) raw.importChanges(changes);
};
const STATES = ["local", "connecting", "online", "offline"] as const;

/** What the module may say before the document is there. */
type News = Parameters<Sink["tell"]>;

/** An open document, as users see it. */
export class DocumentFace implements Doc {
  readonly #session: Session;
  readonly #presence: PresenceState;
  readonly #journal: JournalFace;
  readonly #audience: Audience = { size: 0 };
  readonly #events: { [E in keyof DocEvents]: Listeners<[DocEvents[E]]> } = {
    change: new Listeners(this.#audience),
    delta: new Listeners(),
    status: new Listeners(),
    presence: new Listeners(),
    storage: new Listeners(),
    error: new Listeners(),
  };
  readonly #subscribers = new Listeners<[DocSnapshot, DocChange]>(this.#audience);
  /** Asks how far all that is here got, also what came since. */
  readonly #soFar: Write = Object.freeze<Write>({
    saved: (level = "local") => this.#session.saving.version(this.version(), level),
  });
  /** Deltas that are still to be told. */
  readonly #deltas: Uint8Array[] = [];
  readonly #forget: () => void;
  #snapshot: DocSnapshot | undefined;
  #stale = true;
  #status: Status | undefined;
  /** What listeners know; whoever reads the status may be ahead of them. */
  #told: Status | undefined;
  #statusDue = false;

  constructor(
    readonly name: string,
    raw: RawDocument,
    news: readonly News[],
    /** Lets go of the document; several holders of it may have to. */
    private readonly release: () => Promise<void>,
    /** What was opened with the same token has this one from now on. */
    private readonly retoken: (token: string) => void,
  ) {
    this.#session = new Session(raw, () => { this.#stale = true; }, (batch) => this.#tell(batch), this.#audience);
    this.#presence = new PresenceState(this.#session);
    this.#journal = new JournalFace(this.#session);
    this.#forget = onPoison((error) => {
      this.#session.saving.end(error);
      this.#events.error.call(error);
    });
    // Nobody can be listening yet: what happened while opening is told when the opener has had the chance.
    setTimeout(() => { for (const item of news) this.hear(...item); });
  }

  /** Takes what the module says. It is called from inside the module: what is told is told later. */
  hear(...[event, a, b]: News): void {
    if (event === 0) this.#session.receive(a as unknown[]);
    else if (event === 1) this.#statusMoved();
    else if (event === 2) this.#presenceMoved(a as string, b as Uint8Array | undefined);
    else if (event === 5) this.#deltaNews(a as Uint8Array);
    else if (event === 3) this.#storageNews(a as StorageReport["code"], b as string);
    else queueMicrotask(() => this.#events.error.call(new DriftwoodError(a as string, b as string)));
  }

  /** Takes one change, as the module says it from inside. */
  changed(handle: Handle, at: number, deleted: number, inserted: number): void {
    this.#session.receiveOne(handle, at, deleted, inserted);
  }

  map(name: string): DocMap { return this.#session.root(name, "map"); }
  list(name: string): DocList { return this.#session.root(name, "list"); }
  text(name: string): DocText { return this.#session.root(name, "text"); }
  set(name: string): DocSet { return this.#session.root(name, "set"); }
  counter(name: string): DocCounter { return this.#session.root(name, "counter"); }
  tree(name: string): DocTree { return this.#session.root(name, "tree"); }

  transact<T>(fn: () => T): T {
    try {
      return this.#session.transact(fn);
    } finally {
      if (this.#events.delta.size > 0 && !this.#session.inTransaction) {
        const length = this.#session.ask(takeDelta);
        if (length > 0) this.#deltas.push(takeBytes(length));
        this.#tellDeltas();
      }
    }
  }

  /** It comes from inside the module. */
  #deltaNews(delta: Uint8Array): void {
    if (this.#deltas.push(delta) === 1) queueMicrotask(() => this.#tellDeltas());
  }

  #tellDeltas(): void {
    for (let delta = this.#deltas.shift(); delta !== undefined; delta = this.#deltas.shift()) {
      this.#events.delta.call(delta);
    }
  }

  toJSON(): DocSnapshot {
    if (this.#stale || this.#snapshot === undefined) {
      this.#snapshot = this.#read();
      this.#stale = false;
    }
    return this.#snapshot;
  }

  #read(): DocSnapshot {
    const snapshot: Record<string, Value> = {};
    const roots = this.#session.ask((raw) => raw.roots());
    for (let i = 0; i + 1 < roots.length; i += 2) {
      put(snapshot, roots[i] as string, this.#session.node(roots[i + 1] as Handle).toJSON() as Value);
    }
    return Object.freeze(snapshot);
  }

  subscribe(fn: (snapshot: DocSnapshot, change: DocChange) => void): Unsubscribe {
    return this.#subscribers.add(fn);
  }

  on<E extends keyof DocEvents>(event: E, fn: (event: DocEvents[E]) => void): Unsubscribe {
    const listeners = this.#events[event] as Listeners<[DocEvents[E]]> | undefined;
    if (listeners === undefined) throw new DriftwoodError("INVALID_ARGUMENT", `there is no event "${event}"`);
    const end = listeners.add(fn);
    if (event !== "delta") return end;
    this.#session.ask((raw) => raw.tellDeltas(true));
    return () => {
      end();
      if (this.#events.delta.size === 0) this.#session.ask((raw) => raw.tellDeltas(false));
    };
  }

  #tell(batch: Batch): void {
    if (this.#subscribers.size === 0 && this.#events.change.size === 0) return;
    const paths = [...batch.changes.keys()].map((node: AnyNode) => Object.freeze(node.path()));
    const change: DocChange = Object.freeze({ origin: batch.origin, paths: Object.freeze(paths) });
    if (this.#subscribers.size > 0) this.#subscribers.call(this.toJSON(), change);
    this.#events.change.call(change);
  }

  get status(): Status {
    const [state, peers, local, relay, replicated, unsaved, persistent] = this.#session.ask((raw) => raw.status());
    const old = this.#status;
    if (
      old === undefined || old.state !== STATES[state] || old.peers !== peers || old.unsaved !== unsaved ||
      old.saved.local !== local || old.saved.relay !== relay || old.saved.replicated !== replicated ||
      old.persistent !== persistent
    ) {
      this.#status = Object.freeze({
        state: STATES[state] ?? "local",
        peers,
        saved: Object.freeze({ local, relay, replicated }),
        unsaved,
        persistent,
      });
    }
    return this.#status as Status;
  }

  #statusMoved(): void {
    if (this.#statusDue) return;
    this.#statusDue = true;
    queueMicrotask(() => {
      this.#statusDue = false;
      const status = this.status;
      this.#session.saving.look();
      if (status === this.#told) return;
      this.#told = status;
      this.#events.status.call(status);
    });
  }

  get presence(): Presence {
    return this.#presence;
  }

  #presenceMoved(peer: string, state: Uint8Array | undefined): void {
    if (this.#presence.receive(peer, state)) {
      queueMicrotask(() => this.#events.presence.call(this.#presence.others));
    }
  }

  #storageNews(code: StorageReport["code"], message: string): void {
    queueMicrotask(() => this.#events.storage.call(Object.freeze({ code, message })));
    this.#statusMoved();
  }

  async saved(level: Level = "local"): Promise<void> {
    await this.#session.saving.version(this.version(), level);
  }

  version(): Uint8Array {
    return this.#session.ask((raw) => raw.version());
  }

  export(options: ExportOptions = {}): Uint8Array {
    // A copy that has nothing lacks everything: the encoded empty version is one zero byte.
    const { since = new Uint8Array(1) } = options;
    return this.#session.ask((raw) => raw.exportChanges(checkedBytes(since)));
  }

  import(changes: Uint8Array): Write {
    this.#session.demand((raw) => importChanges(raw, checkedBytes(changes)));
    this.#session.settle();
    return this.#soFar;
  }

  seed(name: string, fill: (seed: Seed) => void): Write {
    checkedText(name, "a seed's name");
    let thrown: { error: unknown } | undefined;
    const once = () => {
      try {
        this.#session.apart((draft) => {
          const answer: unknown = fill(rootsOf(draft));
          if (answer instanceof Promise) throw new DriftwoodError("INVALID_ARGUMENT", "a seed cannot wait for anything");
        });
      } catch (error) {
        thrown = { error };
        throw error;
      }
    };
    try {
      const changes = this.#session.demand((raw) => raw.seed(name, once));
      if (changes !== undefined) this.#session.take("local", changes);
    } catch (error) {
      throw thrown === undefined ? error : thrown.error;
    }
    this.#session.settle();
    return this.#soFar;
  }

  erase(container: Container): Write {
    if (!(container instanceof ContainerNode) || container.session !== this.#session) {
      throw new DriftwoodError("INVALID_ARGUMENT", "only a container of this document can be erased");
    }
    const node = container as AnyNode;
    return this.#session.write(node, (raw) => raw.erase(node.handle), {}, [node]);
  }

  undoManager(options: UndoOptions = {}): UndoManager {
    return new UndoFace(this.#session, options);
  }

  get journal(): Journal {
    return this.#journal;
  }

  /** Begins to keep the journal, unless it is kept already. */
  async keepJournal(): Promise<void> {
    await guardedAsync(() => this.#session.raw.journalOpen());
  }

  revert(version: string | Uint8Array): Write {
    const bytes = this.#journal.version(version);
    this.#session.take("local", this.#session.demand((raw) => raw.revert(bytes)));
    this.#session.settle();
    return this.#soFar;
  }

  changesSince(version: Uint8Array): Differences {
    const [complete, ...rest] = this.#session.ask((raw) => raw.differences(checkedBytes(version)));
    const containers: Differences["containers"][number][] = [];
    for (let i = 0; i + 1 < rest.length; i += 2) {
      const node = this.#session.node(rest[i] as Handle);
      const differences = rest[i + 1] as readonly Difference[];
      containers.push(Object.freeze({ kind: node.kind, path: Object.freeze(node.path()), differences }));
    }
    return Object.freeze({ complete: complete as boolean, containers: Object.freeze(containers) });
  }

  offline(off: boolean): void {
    this.#session.demand((raw) => raw.setOffline(off));
  }

  setToken(token: string): void {
    const checked = checkedText(token, "a token");
    this.#session.demand((raw) => raw.setToken(checked));
    this.retoken(checked);
  }

  close(): Promise<void> {
    return this.release();
  }

  /** The last holder has let go. */
  async end(): Promise<void> {
    if (this.#session.closed) return;
    this.#session.closed = true;
    this.#forget();
    try {
      await guardedAsync(() => this.#session.raw.close());
    } finally {
      this.#session.saving.look();
      this.#session.saving.end(new DriftwoodError("CLOSED", "the document was closed before it was saved"));
    }
  }
}

/** The containers of a document by name. */
function rootsOf(session: Session): Seed {
  return {
    map: (name) => session.root(name, "map"),
    list: (name) => session.root(name, "list"),
    text: (name) => session.root(name, "text"),
    set: (name) => session.root(name, "set"),
    counter: (name) => session.root(name, "counter"),
    tree: (name) => session.root(name, "tree"),
  };
}
