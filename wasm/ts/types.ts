/**
 * The public types of `driftwood-sync`, written by hand: what wasm-bindgen generates stays private.
 *
 * Three rules hold everywhere:
 * - containers are light handles: ask for one as often as you like, compare them with `===`, never free them;
 * - snapshots are plain, deeply frozen values, and a part that did not change keeps its identity;
 * - every offset into a text counts UTF-16 code units, like JavaScript's strings.
 */
import type { UndoManager, UndoOptions } from "./undo-types.js";

export type * from "./undo-types.js";

/**
 * What a map, a list or a set can hold as one value. Whole numbers that are safe in JavaScript come back as `number`,
 * larger 64-bit ones as `bigint`. An object or array stored as a value is replaced whole; use a child container to
 * edit the inside of it concurrently. Properties that are `undefined` are left out, as JSON does.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value };

/** The kinds of container. */
export type Kind = "map" | "list" | "text" | "set" | "counter" | "tree";

/** How far a change is saved: committed on this device, flushed by one relay, flushed by two or more relays. */
export type Level = "local" | "relay" | "replicated";

/** Whose change it was: made through this page's handle of the document, or by another tab, device or import. */
export type Origin = "local" | "remote";

/** Ends a subscription. Calling it again does nothing. */
export type Unsubscribe = () => void;

/** What a write hands back: ask it how far the change got, or ignore it. */
export interface Write {
  /**
   * Resolves when the change is saved at `level`. While storage or the relay fails it stays pending (the write is
   * retried; `status` and the `storage` event tell), so a resolved promise always means saved.
   *
   * Rejects with a {@link DriftwoodErrorShape} of code `NOT_PERSISTENT` (level `"local"`, but the document lives in
   * memory only), `NO_RELAY` (the document was opened without one) or `CLOSED` (closed before it was saved).
   */
  saved(level?: Level): Promise<void>;
}

/** One step of a text change: at offset `at`, `deleted` code units went and `inserted` came. */
export interface TextPatch {
  readonly at: number;
  readonly deleted: number;
  readonly inserted: string;
}

/** One step of a list change: at index `at`, `deleted` elements went and `inserted` elements came. */
export interface ListPatch {
  readonly at: number;
  readonly deleted: number;
  readonly inserted: number;
}

/** Says whose change a subscriber is told about. Local and remote changes never share a call. */
export interface Change {
  readonly origin: Origin;
}

/** A change of a map. */
export interface MapChange extends Change {
  /** The keys that changed, themselves or inside. */
  readonly keys: ReadonlySet<string>;
}

/** A part of a text, from offset `start` up to offset `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** At which of its ends a mark takes in what is typed there. */
export type Expand = "none" | "before" | "after" | "both";

/** Marks by name, as Quill's deltas have them. */
export type Attributes = { readonly [name: string]: Value };

/** One part of {@link DocText.toDelta}: text, or an embed, with its marks. */
export interface DeltaInsert {
  readonly insert: string | { readonly [key: string]: Value };
  readonly attributes?: Attributes;
}

/** One step of {@link DocText.applyDelta}: exactly one of `insert`, `retain` and `delete`. */
export interface DeltaOp {
  readonly insert?: string | { readonly [key: string]: Value };
  /** Goes over so many code units and changes the marks in `attributes`; `null` takes one away. */
  readonly retain?: number;
  readonly delete?: number;
  readonly attributes?: Attributes | null;
}

/** What a cursor stays beside: what is left or right of it. */
export type Side = "left" | "right";

/** A part of a text that one replica wrote within one minute. */
export interface Blame {
  readonly start: number;
  readonly end: number;
  /** Which replica: a copy of the document, in a tab of a device. */
  readonly replica: string;
  /** The minute, by the clock of who wrote it, in milliseconds since 1970. */
  readonly time: number;
}

/**
 * One thing that happened in a container, and who did it when. Offsets and indexes are those of now. Writes say their
 * time to the millisecond, insertions and deletions to the minute.
 */
export type Difference = { readonly replica: string; readonly time: number } & (
  | { readonly type: "set"; readonly key: string; readonly value?: Value; readonly shown: boolean }
  | { readonly type: "delete"; readonly key: string }
  | { readonly type: "delete"; readonly value: Value }
  | { readonly type: "delete"; readonly node: string }
  | { readonly type: "insert"; readonly at: number; readonly text: string }
  | { readonly type: "insert"; readonly at: number; readonly value?: Value }
  | { readonly type: "remove"; readonly at: number; readonly count: number }
  | { readonly type: "mark"; readonly start: number; readonly end: number; readonly name: string; readonly value: Value }
  | { readonly type: "move"; readonly at: number }
  | { readonly type: "move"; readonly node: string }
  | { readonly type: "add"; readonly value: Value }
  | { readonly type: "create"; readonly node: string }
  | { readonly type: "count" }
);

/** What happened since a version; see {@link Doc.changesSince}. */
export interface Differences {
  /** Whether all deletions are in it: they are remembered for a while only. */
  readonly complete: boolean;
  readonly containers: readonly {
    readonly kind: Kind;
    readonly path: readonly (string | number)[];
    readonly differences: readonly Difference[];
  }[];
}

/** What {@link Doc.seed} writes to: an empty document. */
export type Seed = Pick<Doc, Kind>;

/** One of the values that were written to a key at the same time. */
export interface Conflict<V = Value> {
  readonly value: V;
  /** Which replica wrote it: a copy of the document, in a tab of a device. */
  readonly replica: string;
  /** When, by the clock of who wrote it, in milliseconds since 1970. */
  readonly time: number;
  /** The name of the write. */
  readonly id: string;
}

/**
 * A change of a text: apply the patches in order, each to the result of the one before. Empty `patches` mean that
 * only marks changed.
 */
export interface TextChange extends Change {
  readonly patches: readonly TextPatch[];
}

/** A change of a list; empty `patches` mean that only the inside of elements changed. */
export interface ListChange extends Change {
  readonly patches: readonly ListPatch[];
}

/** A change of a tree. */
export interface TreeChange extends Change {
  /** The nodes that came, went, moved, or changed inside. */
  readonly nodes: ReadonlySet<string>;
}

/** A change of the document. */
export interface DocChange extends Change {
  /** The containers that changed, as paths from the root: names, keys, and list positions (as they are now). */
  readonly paths: readonly (readonly (string | number)[])[];
}

/** A map as plain data; children appear as what they hold. */
export type MapSnapshot = { readonly [key: string]: Value };
/** A list as plain data. */
export type ListSnapshot = readonly Value[];
/** A node of a tree as plain data. */
export interface TreeNode {
  readonly id: string;
  readonly data: MapSnapshot;
  readonly children: readonly TreeNode[];
}
/** A tree as plain data: its nodes at the top. Nodes below the 32nd level appear at that level. */
export type TreeSnapshot = readonly TreeNode[];
/** The whole document as plain data, by root name; empty roots are left out. */
export type DocSnapshot = { readonly [name: string]: Value };

/** Any container. */
export type Container = DocMap | DocList | DocText | DocSet | DocCounter | DocTree;

/** What a place in a map or a list shows: a plain value, or a handle of the container there. */
export type Item = Value | Container;

/**
 * Every subscriber is called once per transaction (a write outside `transact` is a transaction of its own) before the
 * write returns, and once per task for what arrives from elsewhere. It is not called at once: read the present state
 * with `toJSON()`. `toJSON()` returns the same object until something in it changes, as React's
 * `useSyncExternalStore` wants.
 */
interface Observable<Snapshot, C extends Change> {
  /** The plain, frozen present state. */
  toJSON(): Snapshot;
  /** Calls `fn` after every change here or inside, until the returned function is called. */
  subscribe(fn: (snapshot: Snapshot, change: C) => void): Unsubscribe;
}

/** Makes child containers: named by key (map) or by element (list), so that creating one twice is creating one. */
export interface DocMap extends Observable<MapSnapshot, MapChange> {
  readonly kind: "map";
  /** How many keys there are. */
  readonly size: number;
  /** Writes `key`. A write removes the concurrent writes it has seen. */
  set(key: string, value: Value): Write;
  /** Removes `key` with everything in it; what others write inside concurrently survives. */
  delete(key: string): Write;
  /** Deletes `key` for good; see {@link Doc.erase}. */
  erase(key: string): Write;
  /** What `key` shows: a value, a handle where a container is, `undefined` where nothing is. */
  get<T extends Item = Item>(key: string): T | undefined;
  has(key: string): boolean;
  /** The keys, in the order of their code points. */
  keys(): string[];
  entries(): [string, Item][];
  /**
   * The values written concurrently to `key`, the shown one first; fewer than two means no conflict.
   *
   * ```js
   * for (const { value, time } of doc.map("meta").conflicts("title")) offer(value, new Date(time));
   * doc.map("meta").set("title", chosen); // settles it
   * ```
   */
  conflicts(key: string): Conflict[];
  map(key: string): DocMap;
  list(key: string): DocList;
  text(key: string): DocText;
  /** The set at `key` (`set` is the write). */
  setOf(key: string): DocSet;
  counter(key: string): DocCounter;
  tree(key: string): DocTree;
}

/** A list: concurrent insertions all stay, and runs typed at one place do not mix. */
export interface DocList extends Observable<ListSnapshot, ListChange> {
  readonly kind: "list";
  readonly length: number;
  /** Inserts `values` before index `index`. */
  insert(index: number, ...values: Value[]): Write;
  push(...values: Value[]): Write;
  /** Removes `count` elements (1 if not given) from `index` on. */
  delete(index: number, count?: number): Write;
  /** Deletes for good; see {@link Doc.erase}. */
  erase(index: number, count?: number): Write;
  /**
   * Moves the element at `from` so that it is at index `to` afterwards. Two who move one element at the same time
   * have moved it once; what others edit inside of it stays.
   *
   * ```js
   * list.push("a", "b", "c");
   * list.move(0, 2); // ["b", "c", "a"]
   * ```
   */
  move(from: number, to: number): Write;
  /**
   * A cursor before index `at`: a short string that stays beside the element left (or `"right"`) of it while others
   * edit, and goes with it when it is moved.
   */
  cursor(at: number, side?: Side): string;
  /** Before which index a cursor is now: in the gap that its element left, if that was deleted. */
  resolve(cursor: string): number;
  /** The element at `index`: a value, a handle where a container is, `undefined` beyond the end. */
  get<T extends Item = Item>(index: number): T | undefined;
  /** Inserts an empty container before `index` and returns its handle. */
  insertMap(index: number): DocMap;
  insertList(index: number): DocList;
  insertText(index: number): DocText;
  insertSet(index: number): DocSet;
  insertCounter(index: number): DocCounter;
  insertTree(index: number): DocTree;
  /**
   * The container at `index`. The handle stays with the element when others insert or remove around it. Throws
   * `OUT_OF_RANGE` beyond the end.
   */
  map(index: number): DocMap;
  list(index: number): DocList;
  text(index: number): DocText;
  setOf(index: number): DocSet;
  counter(index: number): DocCounter;
  tree(index: number): DocTree;
}

/**
 * A text for many hands, with marks on its parts. Offsets and lengths count UTF-16 code units; half a surrogate pair
 * is refused. The string has U+FFFC where an embed is.
 */
export interface DocText extends Observable<string, TextChange> {
  readonly kind: "text";
  readonly length: number;
  insert(at: number, text: string): Write;
  delete(at: number, count: number): Write;
  /** Deletes for good; see {@link Doc.erase}. */
  erase(at: number, count: number): Write;
  /** Deletes `count` code units at `at` and inserts `text` there. */
  replace(at: number, count: number, text: string): Write;
  /**
   * Marks a range: bold, a link, a comment. What is typed in it later takes part, and what is typed at its end too,
   * unless `expand` says otherwise; links and comments (`link`, `comment`, `comment:7`) do not grow if nothing is said.
   *
   * ```js
   * text.insert(0, "Hello world");
   * text.mark({ start: 0, end: 5 }, "bold", true);
   * text.mark(6, 11, "link", "https://example.org", { expand: "none" });
   * ```
   */
  mark(range: Range, name: string, value: Value, options?: { expand?: Expand }): Write;
  mark(start: number, end: number, name: string, value: Value, options?: { expand?: Expand }): Write;
  /** Takes a mark away from a range. */
  unmark(range: Range, name: string): Write;
  unmark(start: number, end: number, name: string): Write;
  /** Inserts an embed, an image say, as one character: `text.embed(0, { image: "a.png" })`. */
  embed(at: number, value: { readonly [key: string]: Value }): Write;
  /** The text with its marks and embeds as the inserts of a Quill delta; frozen, and the same until it changes. */
  toDelta(): readonly DeltaInsert[];
  /**
   * Carries out a Quill delta, whole or not at all: an error says which operation is wrong. Inserted text has exactly
   * the attributes given, whatever marks around it would take in; `null` takes an attribute away.
   *
   * ```js
   * text.applyDelta([{ retain: 6 }, { delete: 5 }, { insert: "Ada", attributes: { bold: true } }]);
   * quill.on("text-change", (delta, _, source) => { if (source === "user") text.applyDelta(delta.ops); });
   * ```
   */
  applyDelta(ops: readonly DeltaOp[]): Write;
  /**
   * A cursor at offset `at`: a short string that stays beside the character left (or `"right"`) of it while others
   * edit. It can be stored and sent:
   *
   * ```js
   * doc.presence.set({ name: "Ada", caret: text.cursor(offset) });
   * for (const { caret } of doc.presence.others.values()) draw(text.resolve(caret));
   * ```
   */
  cursor(at: number, side?: Side): string;
  /** Where a cursor is now: in the gap that its character left, if that was deleted. */
  resolve(cursor: string): number;
  /**
   * Who wrote a range (all, if not given) and when, in order.
   *
   * ```js
   * for (const { start, end, replica, time } of text.blame()) colour(start, end, replica);
   * ```
   */
  blame(start?: number, end?: number): Blame[];
  toString(): string;
}

/** A set of values: adding wins over removing at the same time. */
export interface DocSet extends Observable<readonly Value[], Change> {
  readonly kind: "set";
  readonly size: number;
  add(value: Value): Write;
  delete(value: Value): Write;
  /** Deletes for good; see {@link Doc.erase}. */
  erase(value: Value): Write;
  has(value: Value): boolean;
  values(): readonly Value[];
}

/** A counter that many can add to at once. */
export interface DocCounter extends Observable<number, Change> {
  readonly kind: "counter";
  readonly value: number;
  /** Adds `n` (a whole number, 1 if not given; negative to subtract). */
  add(n?: number): Write;
}

/**
 * Nodes under nodes, in an order, each with data: outlines, files, layers. Nodes are named by ids, which are opaque
 * strings and stay the same wherever a node is moved.
 *
 * ```js
 * const outline = doc.tree("outline");
 * const trip = outline.create();
 * outline.data(trip).set("title", "Trip");
 * const tent = outline.create(trip);
 * outline.move(tent, null, 0); // to the top, before `trip`
 * ```
 */
export interface DocTree extends Observable<TreeSnapshot, TreeChange> {
  readonly kind: "tree";
  /** Makes a node: the child at `index` (the last, if not given) of `parent` (the top, if not given). Returns its id. */
  create(parent?: string | null, index?: number): string;
  /**
   * Moves a node with all under it, so that it is at `index` (the last, if not given) of the children of `parent`
   * (`null`: at the top). Of concurrent moves the last one counts. Throws `CYCLE` where it would be under itself.
   */
  move(id: string, parent: string | null, index?: number): Write;
  /** Deletes a node with its data and all under it. */
  delete(id: string): Write;
  /** Deletes for good; see {@link Doc.erase}. */
  erase(id: string): Write;
  /** The ids of the nodes under one, or at the top, in order. */
  children(parent?: string | null): string[];
  /** What a node is under: `null` at the top, `undefined` for a node that is not there. */
  parent(id: string): string | null | undefined;
  has(id: string): boolean;
  /** The data of a node. */
  data(id: string): DocMap;
}

/** How a document stands. A frozen object that is replaced when something in it changes. */
export interface Status {
  /**
   * `"local"`: opened without a relay. `"connecting"`: dialling or logging in. `"online"`: in touch with at least one
   * relay. `"offline"`: no relay can be reached (it keeps trying), or `doc.offline(true)`.
   */
  readonly state: "local" | "connecting" | "online" | "offline";
  /** Open links: relays and sibling tabs that this page exchanges changes with now. */
  readonly peers: number;
  /** Whether everything that this document holds is saved at each level, as far as this tab knows. */
  readonly saved: { readonly local: boolean; readonly relay: boolean; readonly replicated: boolean };
  /** How many changes no relay is known to hold; without a relay, how many are not yet committed on this device. */
  readonly unsaved: number;
  /** Whether the document is stored on this device (IndexedDB) or lives in memory only. */
  readonly persistent: boolean;
}

/**
 * News about the storage on this device. Codes: `STORAGE_UNAVAILABLE` (no IndexedDB here, or it does not answer: the
 * document works in memory), `STORAGE_FULL` (quota), `STORAGE_FAILED` (anything else; both are retried),
 * `STORAGE_RECOVERED` (what had failed is saved now), `STORE_CORRUPT` (a damaged record was left out).
 */
export interface StorageReport {
  readonly code:
    | "STORAGE_UNAVAILABLE"
    | "STORAGE_FULL"
    | "STORAGE_FAILED"
    | "STORAGE_RECOVERED"
    | "STORE_CORRUPT";
  readonly message: string;
}

/** Who else has the document open, and what they say about themselves (name, colour, cursor: plain JSON, 4 KiB). */
export interface Presence<State = unknown> {
  /** What was last set here. */
  readonly self: State | undefined;
  /** The others by id. A new frozen-in-time Map after every `presence` event. */
  readonly others: ReadonlyMap<string, State>;
  /** Tells the others; `null` leaves. It goes to whoever is there now and is never stored. */
  set(state: State | null): void;
}

/** What `doc.on` can listen to. */
export interface DocEvents {
  change: DocChange;
  /**
   * What was written here, encoded for `import` of other copies, for whoever sends it by ways of their own: one for
   * each `transact`, at its end, and one for all that a task wrote outside of any. In order, each follows on the last.
   */
  delta: Uint8Array;
  status: Status;
  presence: ReadonlyMap<string, unknown>;
  storage: StorageReport;
  error: DriftwoodErrorShape;
}

/** The shape of every error thrown, rejected or reported: an `Error` with a `code` that stays the same. */
export interface DriftwoodErrorShape extends Error {
  readonly name: "DriftwoodError";
  readonly code: string;
}

/** An open document. */
export interface Doc {
  readonly name: string;
  map(name: string): DocMap;
  list(name: string): DocList;
  text(name: string): DocText;
  set(name: string): DocSet;
  counter(name: string): DocCounter;
  tree(name: string): DocTree;
  /**
   * Runs `fn` and tells subscribers once at its end; its writes travel and are stored together. It is not rolled back:
   * when `fn` throws, the writes made so far stay and the error is passed on.
   */
  transact<T>(fn: () => T): T;
  /**
   * Writes what every copy of the document begins with: defaults, a template. It takes effect once, however many
   * tabs and devices do it, at the same time or later, texts and counters included; what somebody has deleted of it
   * since stays deleted.
   *
   * ```js
   * doc.seed("welcome", (seed) => {
   *   seed.text("body").insert(0, "Hello");
   *   seed.list("todos").push("Say hello back");
   * });
   * ```
   *
   * `fill` writes to an empty document, and is called three times: it must do the same each time, no clock, no random
   * numbers. Throws `SEED_NOT_THE_SAME` if it does not, and `SEED_CHANGED` when the document has another seed of this
   * name: give a new version of a seed a new name.
   */
  seed(name: string, fill: (seed: Seed) => void): Write;
  toJSON(): DocSnapshot;
  subscribe(fn: (snapshot: DocSnapshot, change: DocChange) => void): Unsubscribe;
  on<E extends keyof DocEvents>(event: E, fn: (event: DocEvents[E]) => void): Unsubscribe;
  readonly status: Status;
  readonly presence: Presence;
  /** Resolves when everything that the document holds now is saved at `level`; rejects as {@link Write.saved} does. */
  saved(level?: Level): Promise<void>;
  /** The version vector, encoded: what to pass to `changesSince`, and to `export` of another copy. */
  version(): Uint8Array;
  /**
   * Deletes a container with all in it for good: no undo brings it back, and no journal shows it any more, here or
   * where the change arrives. Containers have an `erase` for parts of them.
   *
   * ```js
   * await doc.erase(doc.text("diary")).saved("relay");
   * doc.map("people").erase("ada");
   * ```
   */
  erase(container: Container): Write;
  /** Makes an {@link UndoManager}. A container belongs to one at most: throws `INVALID_ARGUMENT` where it has one. */
  undoManager(options?: UndoOptions): UndoManager;
  /**
   * What happened since a `version` that this copy has held, who did it and when, as far as the present state tells.
   *
   * ```js
   * const left = doc.version();
   * // … later
   * for (const { path, differences } of doc.changesSince(left).containers) tell(path, differences);
   * ```
   */
  changesSince(version: Uint8Array): Differences;
  readonly journal: Journal;
  /**
   * Makes the document what it was at a version of its {@link Journal}, as one new change; no undo manager takes it
   * back, but another `revert` does. Throws as {@link Journal.at}, and nothing has changed then.
   */
  revert(version: string | Uint8Array): Write;
  /** The document, encoded for `import` of another copy: all of it, or what a copy at the version `since` lacks. */
  export(options?: ExportOptions): Uint8Array;
  /** Merges what `export` returned, whole or not at all. Throws `GAP` when changes before it lack. */
  import(bytes: Uint8Array): Write;
  /** Cuts (`true`) or restores (`false`) the link to the relays, for every document of this page that uses them. */
  offline(off: boolean): void;
  /**
   * Shows the relays another token from now on, without a break where they are connected: before the old one expires, or
   * after an `error` event with `UNAUTHENTICATED`. It is for every document of this page that was opened with the same
   * relays and the same token; pass the new one to `open` from then on.
   */
  setToken(token: string): void;
  /** Stores what is left, then lets go of the document. Later writes throw `CLOSED`. */
  close(): Promise<void>;
}

/** A version with a name. */
export interface NamedVersion {
  readonly label: string;
  /** As {@link Doc.version} gave it. */
  readonly version: Uint8Array;
  /** When it was named, to the minute. */
  readonly time: number;
}

/**
 * The past of a document that was opened with `{ journal: true }`: every change since then. It is stored beside the
 * document on this device, by one tab: of two tabs with the same journal, the one that stores last has the last word.
 * What is erased goes from it. Without one, all throw `INVALID_ARGUMENT`.
 */
export interface Journal {
  /** Gives the present version a name; an older one of that name loses it. */
  name(label: string): NamedVersion;
  /** The named versions, in the order in which they were named. */
  names(): readonly NamedVersion[];
  /**
   * The whole document as it was at a name, or at what {@link Doc.version} gave: plain, frozen values, texts as strings,
   * tree nodes as `{ data, children }`. Throws `NOT_RECORDED` when the journal does not know it.
   */
  at(version: string | Uint8Array): DocSnapshot;
}

/** What to put into {@link Doc.export}. */
export interface ExportOptions {
  /** The version of the copy that it is for; without one it is the whole document. */
  readonly since?: Uint8Array;
}

/** How to open a document. */
export interface OpenOptions {
  /** WebSocket address(es) of relays, such as `ws://localhost:4455`; `/sync` is added where no path is given. */
  readonly relay?: string | readonly string[];
  /** What relays that ask for a login want to see; {@link Doc.setToken} replaces it. */
  readonly token?: string;
  /** The first presence, as by `doc.presence.set`. */
  readonly presence?: unknown;
  /** `"memory"` keeps the document out of IndexedDB. */
  readonly storage?: "indexeddb" | "memory";
  /** Keeps a {@link Journal}. */
  readonly journal?: boolean;
  /** Where the WebAssembly comes from, when not from beside this package: an address, bytes or a compiled module. */
  readonly wasm?: string | URL | BufferSource | WebAssembly.Module;
}
