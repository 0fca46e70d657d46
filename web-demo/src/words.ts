/** The words for what can go wrong, and for where things are saved: what happened, then what to do. */
import type { StorageReport } from "driftwood-sync";
import type { PageStatus } from "./page-status";

export interface Trouble {
  readonly title: string;
  readonly advice: string;
}

/** Says why a document could not be opened. */
export function openingTrouble(error: unknown): Trouble {
  switch (codeOf(error)) {
    case "STORE_CORRUPT":
      return {
        title: "The notes stored in this browser are damaged",
        advice:
          "Nothing was changed. If they are on a relay or in another browser too, clear this site’s data in the browser’s settings and open the page again: they come back from there. If not, keep a copy of the browser’s profile first.",
      };
    case "FORMAT_TOO_NEW":
      return {
        title: "These notes were written by a newer version of this page",
        advice: "Nothing was changed. Close the page’s other tabs and reload this one to get the newer version.",
      };
    case "STORAGE_UNAVAILABLE":
    case "STORAGE_FAILED":
      return {
        title: "This browser does not let the page store anything",
        advice:
          "Private windows and strict cookie settings do that. Allow site data for this page, or use a normal window, then reload.",
      };
    case "STORAGE_FULL":
      return {
        title: "There is no room left on this device",
        advice: "Free some disk space, or clear the data of other sites in the browser’s settings, then reload.",
      };
    case "INVALID_ARGUMENT":
    case "LIMIT_NAME":
      return {
        title: "The address of this page is not right",
        advice: `Its part after the question mark names a relay or a notebook that cannot be used: ${messageOf(error)}`,
      };
    case "LOAD_FAILED":
      return {
        title: "The sync engine did not start",
        advice: "It needs WebAssembly. Check that no extension or policy blocks it, then reload.",
      };
    default:
      return {
        title: "The notes could not be opened",
        advice: `Reload the page. If that does not help, this is what it said: ${messageOf(error)}`,
      };
  }
}

/** Says what is wrong with the storage while the page is open. */
export function storageTrouble(report: StorageReport): Trouble {
  switch (report.code) {
    case "STORAGE_FULL":
      return {
        title: "There is no room left on this device",
        advice:
          "Your latest changes are in this tab only. Keep it open and free some disk space; saving is tried again by itself.",
      };
    case "STORAGE_UNAVAILABLE":
      return {
        title: "This browser keeps nothing for this page",
        advice: "Your notes last as long as this tab is open, unless a relay has them. Private windows do that.",
      };
    case "STORE_CORRUPT":
      return {
        title: "A damaged record was found on this device",
        advice: "It was left out. What a relay or another browser holds of it comes back when they are reached.",
      };
    default:
      return {
        title: "This device could not store your latest changes",
        advice: `They are in this tab only. Keep it open; saving is tried again by itself. The browser says: ${report.message}`,
      };
  }
}

/** Says what a relay refused. */
export function relayTrouble(error: unknown): Trouble {
  switch (codeOf(error)) {
    case "UNAUTHENTICATED":
      return {
        title: "The relay asks for a login",
        advice: "Changes stay on this device until it accepts one. Who runs the relay hands out tokens.",
      };
    case "FORBIDDEN":
      return {
        title: "The relay does not let you change this notebook, or not read it",
        advice: "Changes stay on this device. Another token may help.",
      };
    case "PURGED":
      return {
        title: "This notebook was deleted for good on the relay",
        advice: "Your copy stays on this device alone. Copy what you want to keep into a notebook of another name.",
      };
    case "UNSUPPORTED_VERSION":
      return { title: "The relay speaks another version", advice: "Reload the page, or update the relay." };
    case "CLOCK_AHEAD":
      return {
        title: "This device’s clock is ahead of the relay’s",
        advice: "Set the clock right; until then changes stay on this device.",
      };
    case "STORAGE_FULL":
      return { title: "The relay has no room left", advice: "Changes stay on this device until it has." };
    default:
      return { title: "The relay reported a problem", advice: messageOf(error) };
  }
}

/** Whether another token may help. */
export function wantsToken(error: unknown): boolean {
  const code = codeOf(error);
  return code === "UNAUTHENTICATED" || code === "FORBIDDEN";
}

/** The badge: where the last change is saved. */
export function savedWords({ level, storage }: PageStatus): string {
  switch (level) {
    case "trouble":
      return `Storage problem: ${shortTrouble(storage)}`;
    case "nothing":
      return "Nothing to save yet";
    case "saving":
      return "Saving…";
    case "local":
      return "Saved on this device";
    case "relay":
      return "Saved on a relay";
    case "replicated":
      return "Saved on two relays";
  }
}

function shortTrouble(storage: StorageReport | null): string {
  switch (storage?.code) {
    case "STORAGE_FULL":
      return "no room left";
    case "STORAGE_UNAVAILABLE":
      return "nothing is kept";
    default:
      return "not stored";
  }
}

/** The connection, in a word or two. */
export function connectionWords(state: PageStatus["state"], switchedOff: boolean): string {
  if (switchedOff) return "Offline";
  switch (state) {
    case "local":
      return "This browser only";
    case "connecting":
      return "Connecting…";
    case "online":
      return "Connected";
    case "offline":
      return "No relay in reach";
  }
}

export function waitingWords(unsaved: number): string {
  return unsaved === 1 ? "1 change waiting" : `${unsaved.toLocaleString()} changes waiting`;
}

function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
