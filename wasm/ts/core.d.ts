/**
 * The part of wasm-bindgen's glue (`core.js`) that the facade uses, written by hand: the generated types need a
 * newer `lib` than many users have. It must agree with `wasm/src`.
 */

/** An instantiable module, or where to get one. */
export type Source = string | URL | Response | Promise<Response> | BufferSource | WebAssembly.Module;

export default function init(options: { module_or_path: Source | Promise<Source> }): Promise<{ memory: WebAssembly.Memory }>;

/** Called with the message when Rust panics; nothing in the module may be called afterwards. */
export function onPanic(report: (message: string) => void): void;

/**
 * What a document tells its face. It is called from inside the module: it may call `describe`, and nothing else. It does
 * not throw. `tell`:
 * - 0: changes from elsewhere: `[handle, detail]*`, flat; the detail is keys (map), ids (tree), `[at, deleted, inserted]*` (text,
 *   list), or `undefined`
 * - 1: the status, or how far changes are saved
 * - 2: presence: peer, bytes or `undefined`
 * - 3: storage: code, message
 * - 4: error: code, message
 * - 5: a delta of what was written here, where `tellDeltas` asked for them
 */
export interface Sink {
  tell(event: 0 | 1 | 2 | 3 | 4 | 5, a: unknown, b: unknown): void;
  /**
   * One change from elsewhere, of a container that was described: of a text where, how much is deleted, and how many code
   * units, in the hatch, are inserted; of a list the same in elements; of a map the length of the key, in the hatch.
   */
  changed(handle: Handle, at: number, deleted: number, inserted: number): void;
}

/** Where in the memory the hatch is: see `hatch.ts`. What ends in `Short` takes its strings and bytes from there. */
export function hatch(): number;
/** What was handed out and is longer than the hatch. */
export function takeLong(): Uint8Array;

export function openDocument(
  name: string,
  relays: readonly string[],
  token: string | undefined,
  memory: boolean,
  sink: Sink,
): Promise<RawDocument>;
export function listDocuments(): Promise<string[]>;
export function destroyDocument(name: string): Promise<void>;

/** 0 map, 1 list, 2 text, 3 set, 4 counter, 5 tree. */
export type RawKind = 0 | 1 | 2 | 3 | 4 | 5;
/** A container of this document, for as long as the page lives. */
export type Handle = number;
/** Names a change, so that one can ask how far it is saved. */
export type Mark = number;
/** What follows a tag: -1 a plain value, 0 to 5 the handle of a container of that kind. */
export type Tag = -1 | RawKind;

export class RawDocument {
  private constructor();
  /** For all documents that share the links to these relays. */
  setToken(token: string): void;
  root(name: string, kind: RawKind): Handle;
  roots(): (string | Handle)[];
  child(map: Handle, key: string, kind: RawKind): Handle;
  element(list: Handle, index: number, kind: RawKind): Handle;
  /** `[kind, parent or -1, key or undefined]`: a root's key is its name, that of a node's data its id; an element has none. */
  describe(handle: Handle): [RawKind, Handle, string | undefined];
  /** Where the list element that holds this container is, -1 when it was deleted. */
  elementIndex(handle: Handle): number;

  mapSet(handle: Handle, key: string, value: unknown): Mark;
  /** Negative where it is refused, here and below; `key` is a length, `tag` and `number` are those of `putValue`. */
  mapSetShort(handle: Handle, key: number, tag: number, number: number): Mark;
  mapDelete(handle: Handle, key: string): Mark;
  mapEntry(handle: Handle, key: string): [Tag, unknown] | undefined;
  mapKeys(handle: Handle): string[];
  mapEntries(handle: Handle): unknown[];
  /** `[value, replica, ms, id]*` */
  mapConflicts(handle: Handle, key: string): unknown[];

  listInsert(handle: Handle, index: number, values: readonly unknown[]): Mark;
  listInsertShort(handle: Handle, index: number, tag: number, number: number): Mark;
  listInsertContainer(handle: Handle, index: number, kind: RawKind): Handle;
  listDelete(handle: Handle, index: number, count: number): Mark;
  listMove(handle: Handle, from: number, to: number): Mark;
  listEntry(handle: Handle, index: number): [Tag, unknown] | undefined;
  listEntries(handle: Handle): unknown[];
  /** The elements, if all of them are numbers. */
  listNumbers(handle: Handle): Float64Array | undefined;
  listLength(handle: Handle): number;

  textReplace(handle: Handle, at: number, count: number, text: string): Mark;
  textReplaceShort(handle: Handle, at: number, count: number, length: number): Mark;
  /** 0 none, 1 before, 2 after, 3 both. */
  textMark(
    handle: Handle, start: number, end: number, name: string, value: unknown, expand: number | undefined,
  ): Mark;
  textEmbed(handle: Handle, at: number, value: unknown): Mark;
  /** `[kind, what, attributes]*`; 0 retain, 1 insert, 2 embed, 3 delete. */
  textApplyDelta(handle: Handle, flat: readonly unknown[]): Mark;
  textDelta(handle: Handle): unknown[];
  textString(handle: Handle): string;
  textLength(handle: Handle): number;

  /** A cursor beside what is left or right of a place, encoded. */
  textCursor(handle: Handle, at: number, right: boolean): Uint8Array;
  textResolve(handle: Handle, cursor: Uint8Array): number;
  listCursor(handle: Handle, at: number, right: boolean): Uint8Array;
  listResolve(handle: Handle, cursor: Uint8Array): number;
  /** `[start, end, replica, ms]*` */
  textBlame(handle: Handle, start: number, end: number): (number | string)[];

  setAdd(handle: Handle, value: unknown): Mark;
  setDelete(handle: Handle, value: unknown): Mark;
  setHas(handle: Handle, value: unknown): boolean;
  setValues(handle: Handle): unknown[];

  counterAdd(handle: Handle, n: number): Mark;
  counterValue(handle: Handle): number;

  treeCreate(handle: Handle, parent: string | undefined, index: number | undefined): string;
  treeMove(handle: Handle, id: string, parent: string | undefined, index: number | undefined): Mark;
  treeDelete(handle: Handle, id: string): Mark;
  treeChildren(handle: Handle, parent: string | undefined): string[];
  treeParent(handle: Handle, id: string): string | null | undefined;
  treeHas(handle: Handle, id: string): boolean;
  treeData(handle: Handle, id: string): Handle;
  /** `[id, depth, data]*`, parents first. */
  treeNodes(handle: Handle): (string | number)[];

  version(): Uint8Array;
  exportChanges(version: Uint8Array): Uint8Array;
  /** Hands out the delta of what was written here since the last one, and gives its length; 0 if nothing was. */
  takeDelta(): number;
  tellDeltas(wanted: boolean): void;
  /** `[complete, handle, differences, handle, differences, …]` */
  differences(version: Uint8Array): unknown[];
  /** Changes as `Sink` has them; `undefined` where the seed is there already. `fill` is called three times. */
  seed(name: string, fill: () => void): unknown[] | undefined;
  erase(handle: Handle): Mark;
  mapErase(handle: Handle, key: string): Mark;
  listErase(handle: Handle, index: number, count: number): Mark;
  textErase(handle: Handle, at: number, count: number): Mark;
  setErase(handle: Handle, value: unknown): Mark;
  treeErase(handle: Handle, id: string): Mark;
  /** Begins or ends a transaction: what is written in one is undone at once. */
  transaction(open: boolean): void;
  /** The number of a new undo manager, for these containers or for all. */
  undoOpen(scopes: Uint32Array, groupMs: number, depth: number): number;
  undoClose(number: number): void;
  /** `[data, changes]`, changes as `Sink` has them. */
  undoUndo(number: number): [string, unknown[]] | undefined;
  undoRedo(number: number): [string, unknown[]] | undefined;
  /** Whether there is something to undo, and to redo. */
  undoState(number: number): [boolean, boolean];
  undoClear(number: number): void;
  undoStop(number: number): void;
  undoAttach(number: number, data: string): void;
  journalOpen(): Promise<void>;
  journalName(label: string): Uint8Array;
  /** `[label, version, ms]*` */
  journalNames(): (string | Uint8Array | number)[];
  journalAt(version: Uint8Array): unknown;
  /** Changes as `Sink` has them. */
  revert(version: Uint8Array): unknown[];
  importChanges(bytes: Uint8Array): void;
  /** Whether it was done. */
  importShort(length: number): boolean;
  /** 0 local, 1 relay, 2 replicated. */
  isSaved(level: number, mark: Mark): boolean;
  isVersionSaved(level: number, version: Uint8Array): boolean;
  /** `[state, peers, local, relay, replicated, unsaved, persistent]`; 0 local, 1 connecting, 2 online, 3 offline. */
  status(): [number, number, boolean, boolean, boolean, number, boolean];
  setPresence(state: Uint8Array | undefined): void;
  setOffline(off: boolean): void;
  close(): Promise<void>;
}
