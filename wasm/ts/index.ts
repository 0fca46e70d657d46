import { destroyAt, listAt, openAt } from "./open.js";
import type { Doc, OpenOptions } from "./types.js";

export * from "./api.js";

// Bundlers see this and take the module along; nothing is fetched before the first `open`.
const locate = () => new URL("./core.wasm", import.meta.url);

/**
 * Opens a document: from this device if it is stored here, and in touch with sibling tabs and relays from then on.
 *
 * It needs no network and never waits for one. Where IndexedDB is missing or does not answer, the document lives in
 * memory, and a `storage` event says so. Opening a document that is open in this page gives the same `Doc`; it is
 * let go of when `close` was called as often as `open`.
 *
 * Rejects with `FORMAT_TOO_NEW` (a later version of this package stored it; nothing is changed), `LIMIT_NAME` (1 to
 * 256 bytes), `LOAD_FAILED` (the WebAssembly did not come), `INVALID_ARGUMENT`.
 */
export const open = (name: string, options: OpenOptions = {}): Promise<Doc> => openAt(locate, name, options);

/** The names of the documents stored on this device. Rejects with `STORAGE_UNAVAILABLE` without IndexedDB. */
export const list = (): Promise<string[]> => listAt(locate);

/**
 * Deletes a document from this device; it is closed first if it is open in this page. What relays and other devices
 * have stays, and a tab that has it open stores its copy again with its next change.
 */
export const destroy = (name: string): Promise<void> => destroyAt(locate, name);
