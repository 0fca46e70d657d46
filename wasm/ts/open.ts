import { checkedText } from "./check.js";
import { destroyDocument, listDocuments, openDocument, type Sink } from "./core.js";
import { DocumentFace } from "./document.js";
import { DriftwoodError } from "./error.js";
import { guardedAsync, load, type Locate } from "./load.js";
import type { Doc, OpenOptions } from "./types.js";

/** A document that is open in this page, and how many have opened it. */
interface Holding {
  /** Under which it is held: what it was opened with. */
  key: string;
  readonly document: Promise<DocumentFace>;
  holders: number;
  ending?: Promise<void>;
}

const holdings = new Map<string, Holding>();

/** Opens a document; see `open` in the package's entry. */
export async function openAt(locate: Locate, name: string, options: OpenOptions): Promise<Doc> {
  checkedText(name, "a document's name");
  const relays = relayAddresses(options.relay);
  if (options.token !== undefined) checkedText(options.token, "a token");
  const memory = options.storage === "memory";
  await load(locate, options.wasm);

  const key = JSON.stringify([name, relays, options.token ?? null, memory]);
  // It is being closed: what it stores last must be there before it is read again.
  for (let holding = holdings.get(key); holding?.ending !== undefined; holding = holdings.get(key)) {
    await holding.ending.catch(() => undefined);
  }
  let holding = holdings.get(key);
  if (holding === undefined) {
    const end = () => release(holding);
    const retoken = (token: string) => rename(holding?.key, token);
    holding = { key, document: begin(name, relays, options.token, memory, end, retoken), holders: 0 };
    holdings.set(key, holding);
  }
  holding.holders += 1;
  try {
    const document = await holding.document;
    if (options.journal === true) await document.keepJournal();
    if (options.presence !== undefined) document.presence.set(options.presence);
    return document;
  } catch (error) {
    if (holdings.get(holding.key) === holding) holdings.delete(holding.key);
    throw error;
  }
}

async function begin(
  name: string,
  relays: readonly string[],
  token: string | undefined,
  memory: boolean,
  end: () => Promise<void>,
  retoken: (token: string) => void,
): Promise<DocumentFace> {
  const early: Parameters<Sink["tell"]>[] = [];
  let document: DocumentFace | undefined;
  const sink: Sink = {
    tell(...news) {
      if (document === undefined) early.push(news);
      else document.hear(...news);
    },
    // Nothing was described yet as long as the document is not there.
    changed(...change) { document?.changed(...change); },
  };
  const raw = await guardedAsync(() => openDocument(name, relays, token, memory, sink));
  document = new DocumentFace(name, raw, early, end, retoken);
  return document;
}

/** The documents of one set-up have another token: who opens one of them with that gets the same document. */
function rename(key: string | undefined, token: string): void {
  if (key === undefined) return;
  const [, ...setup] = JSON.parse(key) as string[];
  for (const [other, holding] of [...holdings]) {
    const [name, relays, old, memory] = JSON.parse(other) as unknown[];
    const next = JSON.stringify([name, relays, token, memory]);
    if (JSON.stringify([relays, old, memory]) !== JSON.stringify(setup) || holdings.has(next)) continue;
    holdings.delete(other);
    holding.key = next;
    holdings.set(next, holding);
  }
}

async function release(holding: Holding | undefined): Promise<void> {
  // It may have been let go of already, by `destroy`, and even be open again.
  if (holding === undefined || holdings.get(holding.key) !== holding) return;
  if (holding.ending !== undefined) return holding.ending;
  holding.holders -= 1;
  if (holding.holders > 0) return;
  const document = await holding.document;
  holding.ending = document.end().finally(() => holdings.delete(holding.key));
  await holding.ending;
}

/** The names of the documents stored on this device; see `list` in the package's entry. */
export async function listAt(locate: Locate): Promise<string[]> {
  await load(locate, undefined);
  return guardedAsync(() => listDocuments());
}

/** Deletes what is stored of a document; see `destroy` in the package's entry. */
export async function destroyAt(locate: Locate, name: string): Promise<void> {
  checkedText(name, "a document's name");
  await load(locate, undefined);
  for (const [key, holding] of [...holdings]) {
    if ((JSON.parse(key) as unknown[])[0] !== name) continue;
    holding.holders = 1;
    await release(holding).catch(() => undefined);
  }
  await guardedAsync(() => destroyDocument(name));
}

/** Relay addresses in one form and order: who names the same relays shares their connections. */
function relayAddresses(relay: OpenOptions["relay"]): string[] {
  const given = relay === undefined ? [] : typeof relay === "string" ? [relay] : [...relay];
  return [...new Set(given.map(relayAddress))].sort();
}

function relayAddress(address: unknown): string {
  let url: URL;
  try {
    url = new URL(checkedText(address, "a relay's address"));
  } catch (error) {
    throw new DriftwoodError("INVALID_ARGUMENT", `"${String(address)}" is not an address of a relay`, { cause: error });
  }
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new DriftwoodError("INVALID_ARGUMENT", "a relay's address begins with ws:// or wss://");
  }
  if (url.pathname === "/") url.pathname = "/sync";
  url.hash = "";
  return url.href;
}
