/** React hooks for Driftwood: a container's snapshots have a stable identity, so they are external stores as they are. */
import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import type { Doc } from "driftwood-sync";
import { noteInHash } from "./settings";

/** The present value of a container; renders again when it changes. */
export function useSnapshot<Snapshot>(container: {
  toJSON(): Snapshot;
  subscribe(fn: () => void): () => void;
}): Snapshot {
  const subscribe = useCallback((fn: () => void) => container.subscribe(fn), [container]);
  return useSyncExternalStore(subscribe, () => container.toJSON());
}

/** Something computed from a document that is compared by content. */
export function useComputed<T>(doc: Doc, compute: (doc: Doc) => T): T {
  const subscribe = useCallback((fn: () => void) => doc.on("change", fn), [doc]);
  const last = useRef<{ key: string; value: T } | null>(null);
  return useSyncExternalStore(subscribe, () => {
    const value = compute(doc);
    const key = JSON.stringify(value);
    if (last.current?.key !== key) last.current = { key, value };
    return last.current.value;
  });
}

/** What the others say about themselves in a document. */
export function useOthers(doc: Doc): ReadonlyMap<string, unknown> {
  const subscribe = useCallback((fn: () => void) => doc.on("presence", fn), [doc]);
  return useSyncExternalStore(subscribe, () => doc.presence.others);
}

/** Any of this page's own stores. */
export function useStore<T>(store: { get: () => T; subscribe: (fn: () => void) => () => void }): T {
  return useSyncExternalStore(store.subscribe, store.get);
}

/** The note named in the address's fragment. */
export function useNoteInHash(): string | null {
  return useSyncExternalStore(onHashChange, () => noteInHash(location.hash));
}

function onHashChange(fn: () => void): () => void {
  addEventListener("hashchange", fn);
  return () => removeEventListener("hashchange", fn);
}

/** Listens to keys anywhere on the page. */
export function useKeys(handle: (event: KeyboardEvent) => void): void {
  const latest = useRef(handle);
  useEffect(() => {
    latest.current = handle;
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => latest.current(event);
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, []);
}
