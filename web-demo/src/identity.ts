/** Who the person at this browser is to the others: a name and a colour, remembered and shared by its tabs. */

export interface Identity {
  /** Random; tells two tabs of one browser from two people. */
  readonly person: string;
  readonly name: string;
  readonly colour: string;
}

/** White text can be read on each of these, and each can be seen on light and on dark ground. */
const COLOURS = ["#c0492b", "#a86200", "#5d7a1f", "#1f7f4c", "#0f7d86", "#3a6fc4", "#7a5bc7", "#b8458f"] as const;
const MOODS = ["Amber", "Bold", "Calm", "Early", "Gentle", "Merry", "Quiet", "Swift"] as const;
const ANIMALS = ["Curlew", "Gannet", "Heron", "Kelpie", "Otter", "Petrel", "Plover", "Seal"] as const;

const KEY = "driftwood-notes-identity";
const NAME_LENGTH_MAX = 40;

/** A colour for people who sent none. */
export const PLAIN_COLOUR = "#5f676a";

export class IdentityStore {
  private current: Identity;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly storage: Storage | null) {
    this.current = this.load() ?? this.invent();
    this.save();
    globalThis.addEventListener?.("storage", (event) => {
      if (event.key !== KEY) return;
      this.current = this.load() ?? this.current;
      this.tell();
    });
  }

  readonly get = (): Identity => this.current;

  readonly subscribe = (fn: () => void): (() => void) => {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  };

  rename(name: string): void {
    const tidy = tidyName(name);
    if (tidy === "" || tidy === this.current.name) return;
    this.current = { ...this.current, name: tidy };
    this.save();
    this.tell();
  }

  private tell(): void {
    for (const fn of this.listeners) fn();
  }

  private load(): Identity | null {
    try {
      return readIdentity(JSON.parse(this.storage?.getItem(KEY) ?? "null"));
    } catch {
      return null;
    }
  }

  private save(): void {
    try {
      this.storage?.setItem(KEY, JSON.stringify(this.current));
    } catch {
      // Without storage the name lasts as long as the tab.
    }
  }

  private invent(): Identity {
    const random = crypto.getRandomValues(new Uint32Array(3));
    const pick = <T>(from: readonly T[], index: number): T => from[random[index]! % from.length]!;
    return {
      person: [...random].map((part) => part.toString(36)).join(""),
      name: `${pick(MOODS, 0)} ${pick(ANIMALS, 1)}`,
      colour: pick(COLOURS, 2),
    };
  }
}

/** Reads what somebody says about themselves; it comes from outside, so nothing in it is trusted. */
export function readIdentity(state: unknown): Identity | null {
  if (typeof state !== "object" || state === null) return null;
  const { person, name, colour } = state as Record<string, unknown>;
  if (typeof name !== "string" || tidyName(name) === "") return null;
  return {
    person: typeof person === "string" ? person.slice(0, 64) : "",
    name: tidyName(name),
    colour: typeof colour === "string" && /^#[0-9a-f]{6}$/i.test(colour) ? colour : PLAIN_COLOUR,
  };
}

function tidyName(name: string): string {
  return [...name.trim().replace(/\s+/g, " ")].slice(0, NAME_LENGTH_MAX).join("");
}

/** One or two letters for a round picture. */
export function initials(name: string): string {
  const words = name.split(" ").filter((word) => word !== "");
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined];
  return letters.map((word) => (word ? [...word][0]!.toLocaleUpperCase() : "")).join("");
}

/** `sessionStorage`, or null where a browser forbids even asking for it. */
export function sessionStorageOrNull(): Storage | null {
  try {
    return globalThis.sessionStorage;
  } catch {
    return null;
  }
}

/** `localStorage`, or null where a browser forbids even asking for it. */
export function localStorageOrNull(): Storage | null {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}
