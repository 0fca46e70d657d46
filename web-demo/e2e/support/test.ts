/** The tests' own fixtures: relays, command lines and pages, all cleaned up after each test. */
import { test as base } from "@playwright/test";
import type { BrowserContext, BrowserContextOptions } from "@playwright/test";
import { Cli } from "./cli";
import { NotesPage } from "./notes-page";
import { Relay } from "./relay";
import type { RelayOptions } from "./relay";

interface OpenOptions {
  /** The relay of the page; none if not given. */
  relay?: Relay | undefined;
  /** A browser with storage of its own; a new one if not given. */
  context?: BrowserContext;
  /** How to make the new one. */
  as?: BrowserContextOptions;
}

interface Fixtures {
  startRelay: (options?: RelayOptions) => Promise<Relay>;
  /** One relay that is there from the start. */
  relay: Relay;
  cli: () => Promise<Cli>;
  openNotes: (options?: OpenOptions) => Promise<NotesPage>;
}

export const test = base.extend<Fixtures>({
  startRelay: async ({}, use) => {
    const relays: Relay[] = [];
    await use(async (options) => {
      const relay = await Relay.start(options);
      relays.push(relay);
      return relay;
    });
    await Promise.all(relays.map((relay) => relay.dispose()));
  },

  relay: async ({ startRelay }, use) => {
    await use(await startRelay());
  },

  cli: async ({}, use) => {
    const made: Cli[] = [];
    await use(async () => {
      const cli = await Cli.create();
      made.push(cli);
      return cli;
    });
    await Promise.all(made.map((cli) => cli.dispose()));
  },

  openNotes: async ({ browser }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async ({ relay, context, as } = {}) => {
      if (!context) contexts.push((context = await browser.newContext(as)));
      const page = await context.newPage();
      await page.goto(pageAddress(relay));
      const notes = new NotesPage(page);
      await notes.badge.waitFor();
      return notes;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
});

export { expect } from "@playwright/test";

/** The address of the page with its relay. */
export function pageAddress(relay?: Relay, base = process.env["DRIFTWOOD_PAGE_URL"]!): string {
  return `${base}?relay=${relay ? encodeURIComponent(relay.url) : "none"}`;
}
