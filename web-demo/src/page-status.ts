/**
 * Sums up how the page's documents stand: a change counts as saved somewhere only when every open document says so.
 */
import type { Doc, DriftwoodErrorShape, Status, StorageReport } from "driftwood-sync";

export type SavedLevel = "trouble" | "saving" | "local" | "relay" | "replicated";

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

const LEVELS = ["saving", "local", "relay", "replicated"] as const;

export class PageStatusStore {
  private readonly docs = new Map<Doc, { storage: StorageReport | null; stop: () => void }>();
  private readonly listeners = new Set<() => void>();
  private error: DriftwoodErrorShape | null = null;
  private current: PageStatus = { state: "connecting", level: "saving", unsaved: 0, storage: null, error: null };

  readonly get = (): PageStatus => this.current;

  readonly subscribe = (fn: () => void): (() => void) => {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  };

  watch(doc: Doc): void {
    const stops = [
      doc.on("status", () => this.update()),
      // A change is unsaved from the moment it is made, before the status says so.
      doc.on("change", () => this.update()),
      doc.on("storage", (report) => {
        entry.storage = report.code === "STORAGE_RECOVERED" ? null : report;
        this.update();
      }),
      doc.on("error", (error) => {
        this.error = error;
        this.update();
      }),
    ];
    const entry = { storage: null as StorageReport | null, stop: () => stops.forEach((stop) => stop()) };
    this.docs.set(doc, entry);
    this.update();
  }

  forget(doc: Doc): void {
    this.docs.get(doc)?.stop();
    this.docs.delete(doc);
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
    let unsaved = 0;
    let storage: StorageReport | null = null;
    // All documents share the links to the relays; the notebook, watched first, speaks for them.
    let state: Status["state"] | null = null;
    for (const [doc, entry] of this.docs) {
      const { status } = doc;
      state ??= status.state;
      unsaved += status.unsaved;
      lowest = Math.min(lowest, levelOf(status));
      storage ??= entry.storage ?? (status.persistent ? null : MEMORY_ONLY);
    }
    return { state: state ?? "connecting", level: nameLevel(lowest, storage), unsaved, storage, error: this.error };
  }
}

const MEMORY_ONLY: StorageReport = { code: "STORAGE_UNAVAILABLE", message: "This browser keeps nothing for this page." };

function levelOf({ saved }: Status): number {
  return saved.replicated ? 3 : saved.relay ? 2 : saved.local ? 1 : 0;
}

function nameLevel(lowest: number, storage: StorageReport | null): SavedLevel {
  switch (storage?.code) {
    case "STORAGE_FULL":
    case "STORAGE_FAILED":
      return "trouble";
    case "STORAGE_UNAVAILABLE":
      // Nothing stays on this device, but a relay may have it.
      return lowest >= 2 ? LEVELS[lowest]! : "trouble";
    default:
      return LEVELS[lowest]!;
  }
}
