import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import type { BrowserContext } from "@playwright/test";
import { launchOptions } from "./support/browser";
import { servePage } from "./support/serve-page";
import { expect, pageAddress, test } from "./support/test";
import { NotesPage } from "./support/notes-page";

test("everything is there after a reload and a new start of the browser, with the relay down", async ({ openNotes, relay }) => {
  const profile = await mkdtemp(join(tmpdir(), "driftwood-profile-"));
  const start = (): Promise<BrowserContext> => chromium.launchPersistentContext(profile, launchOptions);
  let context = await start();
  try {
    const notes = await openNotes({ context, relay });
    await notes.newNote("Kept");
    await notes.type("before the relay went");
    await expect(notes.badge).toHaveText("Saved on a relay");
    await relay.kill();
    await notes.type(", and after");
    await notes.addTag("kept");
    await notes.addTodo("come back");
    await notes.likes.click();
    await expect(notes.badge).toHaveText("Saved on this device");
    const content = await notes.content();
    expect(content.text).toBe("before the relay went, and after");

    await notes.page.reload();
    await expect.poll(() => notes.content()).toEqual(content);
    await expect(notes.connection).not.toHaveText("Connected");

    await context.close();
    context = await start();
    const again = await openNotes({ context, relay });
    await again.openNote("Kept");
    await expect.poll(() => again.content()).toEqual(content);

    await relay.restart();
    await expect(again.badge).toHaveText("Saved on a relay", { timeout: 30_000 });
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
});

test("the page itself opens while its server is away", async ({ browser }) => {
  const server = await servePage();
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(pageAddress(undefined, server.url));
    const notes = new NotesPage(page);
    await notes.newNote("On the train");
    await notes.type("no signal here");
    await expect(notes.badge).toHaveText("Saved on this device");
    await expect(page.locator("html")).toHaveAttribute("data-kept", "true");
    await server.close();

    await page.reload();
    await notes.expectText("no signal here");
  } finally {
    await context.close();
    await server.close();
  }
});
