/**
 * What people tell each other while they are here. In the notebook: who they are and which note they are in; in a
 * note: who they are and where their cursor is. Nothing of it is stored.
 */
import { readIdentity } from "./identity";
import type { Identity } from "./identity";
import type { RemoteCursor } from "./remote-cursors";

/** Somebody else in the notebook. */
export interface Visitor extends Identity {
  /** Which tab or terminal. */
  readonly peer: string;
  /** The note they have open, or null. */
  readonly note: string | null;
}

export function notebookPresence(self: Identity, note: string | null): object {
  return { ...self, note };
}

export function notePresence(self: Identity, cursor: { anchor: number; head: number } | null): object {
  return { ...self, cursor };
}

/** Those in the notebook, in a steady order. */
export function visitorsOf(others: ReadonlyMap<string, unknown>): Visitor[] {
  const visitors: Visitor[] = [];
  for (const [peer, state] of others) {
    const identity = readIdentity(state);
    if (!identity) continue;
    const { note } = state as { note?: unknown };
    visitors.push({ ...identity, peer, note: typeof note === "string" ? note : null });
  }
  return visitors.sort((a, b) => a.name.localeCompare(b.name) || (a.peer < b.peer ? -1 : 1));
}

/** The cursors of those in a note. */
export function cursorsOf(others: ReadonlyMap<string, unknown>): RemoteCursor[] {
  const cursors: RemoteCursor[] = [];
  for (const [peer, state] of others) {
    const identity = readIdentity(state);
    if (!identity) continue;
    const { cursor } = state as { cursor?: unknown };
    if (typeof cursor !== "object" || cursor === null) continue;
    const { anchor, head } = cursor as { anchor?: unknown; head?: unknown };
    if (!isOffset(anchor) || !isOffset(head)) continue;
    cursors.push({ peer, name: identity.name, colour: identity.colour, anchor, head });
  }
  return cursors;
}

function isOffset(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
