/**
 * Sums up how the page's documents stand: a change counts as saved somewhere only when every open document says so.
 */
import type { Doc, DriftwoodErrorShape, Status, StorageReport } from "driftwood-sync";

export type SavedLevel = "nothing" | "trouble" | "saving" | "local" | "relay" | "replicated";

export interface PageStatus {
  readonly state: Status["state"];
  readonly level: SavedLevel;
  /** Changes that no relay holds yet. */
  readonly unsaved: number;
  /** What is wrong with this device's storage, or null. */
  readonly storage: StorageReport | null;
  /** The last thing a relay complained about, or null. */
  readonly error: DriftwoodErrorShape | null;
}

interface Entry {
  storage: StorageReport | null;
  /** Whether the document holds any change; once it does, it always will. */
  used: boolean;
}

const LEVELS = ["saving", "local", "relay", "replicated"] as const;

export class PageStatusStore {
  private readonly docs = new Map<Doc, Entry>();
  private readonly listeners = new Set<() => void>();
  private error: DriftwoodErrorShape | null = null;
  private current: PageStatus = { state: "connecting", level: "nothing", unsaved: 0, storage: null, error: null };

  readonly get = (): PageStatus => this.current;

  readonly subscribe = (fn: () => void): (() => void) => {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  };

  /** Counts a document in, for as long as the page lives. */
  watch(doc: Doc): void {
    const entry: Entry = { storage: null, used: false };
    this.docs.set(doc, entry);
    doc.on("status", () => this.update());
    // A change is unsaved from the moment it is made, before the status says so.
    doc.on("change", () => this.update());
    doc.on("storage", (report) => {
      entry.storage = report.code === "STORAGE_RECOVERED" ? null : report;
      this.update();
    });
    doc.on("error", (error) => {
      this.error = error;
      this.update();
    });
    this.update();
  }

  /** Takes note that a damaged record was left out. Other trouble stays until it is over. */
  dismissStorage(): void {
    for (const entry of this.docs.values()) if (entry.storage?.code === "STORE_CORRUPT") entry.storage = null;
    this.update();
  }

  dismissError(): void {
    this.error = null;
    this.update();
  }

  private update(): void {
    const next = this.sum();
    if (JSON.stringify(next) === JSON.stringify(this.current) && next.error === this.current.error) return;
    this.current = next;
    for (const fn of this.listeners) fn();
  }

  private sum(): PageStatus {
    let lowest: number = LEVELS.length - 1;
    let used = false;
    let unsaved = 0;
    let storage: StorageReport | null = null;
    // All documents share the links to the relays; the notebook, watched first, speaks for them.
    let state: Status["state"] | null = null;
    for (const [doc, entry] of this.docs) {
      const { status } = doc;
      state ??= status.state;
      unsaved += status.unsaved;
      // An empty document is "saved" everywhere, which would be a strange thing to say.
      entry.used ||= doc.version().length > EMPTY_VERSION_BYTES;
      used ||= entry.used;
      if (entry.used) lowest = Math.min(lowest, levelOf(status));
      storage ??= entry.storage ?? (status.persistent ? null : MEMORY_ONLY);
    }
    return { state: state ?? "connecting", level: nameLevel(used ? lowest : null, storage), unsaved, storage, error: this.error };
  }
}

/** How long the version of a document is, encoded, that holds nothing. */
const EMPTY_VERSION_BYTES = 1;

const MEMORY_ONLY: StorageReport = { code: "STORAGE_UNAVAILABLE", message: "This browser keeps nothing for this page." };

function levelOf({ saved }: Status): number {
  return saved.replicated ? 3 : saved.relay ? 2 : saved.local ? 1 : 0;
}

function nameLevel(lowest: number | null, storage: StorageReport | null): SavedLevel {
  switch (storage?.code) {
    case "STORAGE_FULL":
    case "STORAGE_FAILED":
      return "trouble";
    case "STORAGE_UNAVAILABLE":
      // Nothing stays on this device, but a relay may have it.
      return lowest !== null && lowest >= 2 ? LEVELS[lowest]! : "trouble";
    default:
      return lowest === null ? "nothing" : LEVELS[lowest]!;
  }
}
