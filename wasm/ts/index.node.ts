import { readFile } from "node:fs/promises";

import { destroyAt, listAt, openAt } from "./open.js";
import type { Doc, OpenOptions } from "./types.js";

export * from "./api.js";

const locate = () => readFile(new URL("./core.wasm", import.meta.url)).then((bytes) => new Uint8Array(bytes));

/** Opens a document in memory, in touch with relays where the host has `WebSocket`; see the browser's entry. */
export const open = (name: string, options: OpenOptions = {}): Promise<Doc> => openAt(locate, name, options);

/** Rejects with `STORAGE_UNAVAILABLE`: there is no IndexedDB in Node. */
export const list = (): Promise<string[]> => listAt(locate);

/** Rejects with `STORAGE_UNAVAILABLE`: there is no IndexedDB in Node. */
export const destroy = (name: string): Promise<void> => destroyAt(locate, name);
