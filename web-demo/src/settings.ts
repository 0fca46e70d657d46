/** What the address of the page says: the notebook, the relays, and the note that is open. */

export interface Settings {
  /** The document with the list of notes. */
  readonly notebook: string;
  /** Addresses of relays; none means that only tabs of this browser share. */
  readonly relays: readonly string[];
}

const DEFAULT_NOTEBOOK = "notebook";
const DEFAULT_RELAY = "ws://localhost:4455/sync";

/** Reads `?notebook=name&relay=ws://host:port/sync`; `relay` may be given more than once, or be `none`. */
export function readSettings(search: string): Settings {
  const query = new URLSearchParams(search);
  const given = query.getAll("relay").filter((relay) => relay !== "");
  const relays = given.length === 0 ? [DEFAULT_RELAY] : given.filter((relay) => relay !== "none");
  return { notebook: query.get("notebook") || DEFAULT_NOTEBOOK, relays };
}

/** What to call the notebook on the page. */
export function notebookTitle({ notebook }: Settings): string {
  return notebook === DEFAULT_NOTEBOOK ? "Driftwood notes" : notebook;
}

/** The note named in the address's fragment, or null. */
export function noteInHash(hash: string): string | null {
  try {
    return decodeURIComponent(hash.replace(/^#/, "")) || null;
  } catch {
    return null;
  }
}

export function hashOf(note: string | null): string {
  return note === null ? "#" : `#${encodeURIComponent(note)}`;
}
