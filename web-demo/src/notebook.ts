/**
 * The notebook: a document that lists the notes, and the notes' own documents, which are opened in the background so
 * that the list can show and search what is in them.
 */
import { open } from "driftwood-sync";
import type { Doc, OpenOptions } from "driftwood-sync";
import { sessionStorageOrNull } from "./identity";
import { tagsOf, titleOf, todosOf } from "./note";
import { PageStatusStore } from "./page-status";
import type { Settings } from "./settings";

export interface NoteSummary {
  readonly id: string;
  readonly created: number;
  readonly title: string;
  readonly excerpt: string;
  readonly tags: readonly string[];
  readonly todosLeft: number;
  /** Whether it has been read; only its name in the list is known before. */
  readonly read: boolean;
  /** Why the note could not be opened, or null. */
  readonly error: unknown;
}

interface Opening {
  readonly promise: Promise<Doc>;
  doc: Doc | null;
  error: unknown;
}

/** Where the token is, in the tab's own storage. */
const TOKEN = "driftwood-token";
const OPENING_AT_ONCE = 4;
/** A relay takes 256 documents on a connection; older notes are opened when somebody asks for them. */
const OPENED_AHEAD_MAX = 200;
const EXCERPT_LENGTH = 120;
/** Typing changes a summary on every key; the list need not follow faster than this. */
const SUMMARY_DELAY_MS = 60;

export class Notebook {
  readonly status = new PageStatusStore();
  private readonly openings = new Map<string, Opening>();
  private readonly listeners = new Set<() => void>();
  private readonly created = new Map<string, number>();
  private waiting: string[] = [];
  private running = 0;
  private current: readonly NoteSummary[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;

  private constructor(
    readonly doc: Doc,
    private options: OpenOptions,
  ) {
    this.status.watch(doc);
    doc.map("notes").subscribe(() => this.follow());
    this.follow();
  }

  static async open(settings: Settings): Promise<Notebook> {
    const token = sessionStorageOrNull()?.getItem(TOKEN);
    const options: OpenOptions = settings.relays.length > 0 ? { relay: settings.relays, ...(token && { token }) } : {};
    return new Notebook(await open(settings.notebook, options), options);
  }

  /** Logs in; the token is kept for as long as the tab lives. */
  setToken(token: string): void {
    this.status.dismissError();
    sessionStorageOrNull()?.setItem(TOKEN, token);
    this.options = { ...this.options, token };
    this.doc.setToken(token);
  }

  /** The notes, newest first; the same array until something in it changes. */
  readonly notes = (): readonly NoteSummary[] => this.current;

  readonly subscribe = (fn: () => void): (() => void) => {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  };

  /** The document of a note, opened if it is not open yet. */
  note(id: string): Promise<Doc> {
    this.waiting = this.waiting.filter((other) => other !== id);
    return this.begin(id).promise;
  }

  /** The document of a note if it is open. */
  noteIfOpen(id: string): Doc | null {
    return this.openings.get(id)?.doc ?? null;
  }

  create(): string {
    const random = crypto.getRandomValues(new Uint8Array(8));
    const id = `note-${[...random].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    this.list(id, Date.now());
    return id;
  }

  /** Takes a note off the list. Its document stays, so that it can be put back. */
  remove(id: string): void {
    this.doc.map("notes").delete(id);
  }

  putBack(id: string): void {
    this.list(id, this.created.get(id) ?? Date.now());
  }

  /** Whether every word of `query` is in the note's title, text, tags or to-dos. */
  matches({ id, title, tags }: NoteSummary, query: string): boolean {
    const words = query.toLocaleLowerCase().split(/\s+/).filter((word) => word !== "");
    if (words.length === 0) return true;
    const doc = this.noteIfOpen(id);
    const todos = doc ? todosOf(doc.list("todos")).map(({ text }) => text) : [];
    const all = [title, ...tags, ...todos, doc?.text("body").toString() ?? ""].join("\n").toLocaleLowerCase();
    return words.every((word) => all.includes(word));
  }

  private list(id: string, created: number): void {
    this.doc.map("notes").set(id, { created });
  }

  /** Follows the list: remembers when notes were made, and opens the ones that are new here. */
  private follow(): void {
    for (const [id, value] of Object.entries(this.doc.map("notes").toJSON())) this.created.set(id, readCreated(value));
    this.summarise();
    const newest = this.current.slice(0, OPENED_AHEAD_MAX).map(({ id }) => id);
    this.waiting = newest.filter((id) => !this.openings.has(id));
    this.openNext();
  }

  private openNext(): void {
    while (this.running < OPENING_AT_ONCE) {
      const id = this.waiting.shift();
      if (id === undefined) return;
      this.running += 1;
      const done = (): void => {
        this.running -= 1;
        this.openNext();
      };
      this.begin(id).promise.then(done, done);
    }
  }

  private begin(id: string): Opening {
    const known = this.openings.get(id);
    if (known) return known;
    const opening: Opening = { promise: open(id, this.options), doc: null, error: null };
    this.openings.set(id, opening);
    opening.promise.then(
      (doc) => {
        opening.doc = doc;
        this.status.watch(doc);
        doc.on("change", () => this.summariseSoon());
        this.summarise();
      },
      (error: unknown) => {
        opening.error = error;
        this.summarise();
      },
    );
    return opening;
  }

  private summariseSoon(): void {
    this.timer ??= setTimeout(() => this.summarise(), SUMMARY_DELAY_MS);
  }

  private summarise(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const ids = this.doc.map("notes").keys();
    this.current = ids
      .map((id) => summaryOf(id, this.created.get(id) ?? 0, this.openings.get(id)))
      .sort((a, b) => b.created - a.created || (a.id < b.id ? -1 : 1));
    for (const fn of this.listeners) fn();
  }
}

function summaryOf(id: string, created: number, opening: Opening | undefined): NoteSummary {
  const doc = opening?.doc;
  if (!doc) {
    return { id, created, title: "", excerpt: "", tags: [], todosLeft: 0, read: false, error: opening?.error ?? null };
  }
  return {
    id,
    created,
    title: titleOf(doc),
    excerpt: excerptOf(doc.text("body").toString()),
    tags: tagsOf(doc),
    todosLeft: todosOf(doc.list("todos")).filter(({ done }) => !done).length,
    read: true,
    error: null,
  };
}

/** The first words of a text, without the signs that format it. */
function excerptOf(text: string): string {
  const plain = text.slice(0, EXCERPT_LENGTH * 2).replace(/^[#>\-*\s]+/gm, " ").replace(/[*_`~]/g, "");
  return plain.replace(/\s+/g, " ").trim().slice(0, EXCERPT_LENGTH);
}

function readCreated(value: unknown): number {
  if (typeof value !== "object" || value === null || !("created" in value)) return 0;
  return typeof value.created === "number" ? value.created : 0;
}
