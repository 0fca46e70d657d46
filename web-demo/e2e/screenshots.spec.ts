/** Makes the pictures of the README: `npm run screenshots`. They need a person's eye, so they are no part of the tests. */
import { mkdirSync } from "node:fs";
import type { Browser, BrowserContext, BrowserContextOptions } from "@playwright/test";
import type { NotesPage } from "./support/notes-page";
import { images } from "./support/paths";
import { expect, test } from "./support/test";

const ANA = { person: "ana", name: "Ana Prieto", colour: "#0f7d86" };
const INES = { person: "ines", name: "Ines Duarte", colour: "#b8458f" };
const JON = { person: "jon", name: "Jon Vik", colour: "#3a6fc4" };

const NOTES: [title: string, text: string, tags: string[], todos: string[]][] = [
  ["Books for the winter", "The Summer Book; A Month in the Country; The Peregrine", ["books"], []],
  ["Bread, second try", "340 g of water to 500 g of flour, and a longer rest.", ["kitchen"], ["Feed the starter"]],
  ["Boat shed", "Two planks to steam, both on the port side.", ["boat"], ["Oil the hinges", "Order copper nails"]],
];

test("wide, narrow and offline", async ({ browser, openNotes, startRelay }) => {
  mkdirSync(images, { recursive: true });
  const north = await startRelay();
  const south = await startRelay({ peers: [north] });
  const ana = await openNotes({ relay: north, context: await browserOf(browser, ANA) });
  for (const [title, text, tags, todos] of NOTES) {
    await ana.newNote(title);
    await ana.type(text);
    for (const tag of tags) await ana.addTag(tag);
    for (const todo of todos) await ana.addTodo(todo);
  }
  await ana.page.goto(ana.page.url().replace(/#.*/, "#"));
  const empty = await openNotes({ context: await browserOf(browser, ANA) });
  await empty.page.screenshot({ path: `${images}/first-run.png` });

  await empty.page.close();
  await ana.newNote("Three days on the coast");
  await ana.editor.focus();
  await ana.page.keyboard.insertText(COAST);
  for (const tag of ["summer", "travel"]) await ana.addTag(tag);
  for (const todo of ["Book the ferry", "Ask Ines for the tent", "Look up the tide tables"]) await ana.addTodo(todo);
  await ana.todos.getByRole("checkbox", { name: "Book the ferry" }).check();
  for (let like = 0; like < 3; like += 1) await ana.likes.click();

  const ines = await openNotes({ relay: south, context: await browserOf(browser, INES) });
  const jon = await openNotes({ relay: south, context: await browserOf(browser, JON) });
  await jon.openNote("Boat shed");
  await ines.openNote("Three days on the coast");
  await expect(ana.people.getByRole("link")).toHaveCount(2);
  await expect(ana.badge).toHaveText("Saved on two relays");
  await selectWords(ines, "by seven");
  await expect(ana.page.locator(".cm-remote-selection")).toHaveText("by seven");
  await ana.page.mouse.move(0, 0);
  await ana.page.screenshot({ path: `${images}/wide.png` });

  const phone: BrowserContextOptions = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true };
  const pocket = await openNotes({ relay: north, context: await browserOf(browser, JON, phone) });
  await expect(pocket.list.getByRole("link")).toHaveCount(4);
  await expect(pocket.link("Books for the winter")).toBeVisible();
  await pocket.page.screenshot({ path: `${images}/narrow-list.png` });
  await pocket.openNote("Three days on the coast");
  await selectWords(ines, "low water");
  await expect(pocket.page.locator(".cm-remote-selection")).toHaveText("low water");
  await expect(pocket.badge).toHaveText("Saved on two relays");
  await pocket.page.screenshot({ path: `${images}/narrow.png` });

  const night = await openNotes({ relay: north, context: await browserOf(browser, ANA, { colorScheme: "dark" }) });
  await night.openNote("Three days on the coast");
  await expect(night.badge).toHaveText("Saved on two relays");
  await night.goOffline(true);
  await night.addTodo("Pack the stove");
  await night.type("Written on the ferry, with no signal at all.");
  await expect(night.badge).toHaveText("Saved on this device");
  await night.page.mouse.move(0, 0);
  await night.page.screenshot({ path: `${images}/offline.png` });
});

const COAST = `# Getting there

The ferry leaves **Friday at 7:40**; be at the pier by seven. Bring something warm, even in June.

## What to see

- the tide pools north of the lighthouse, at *low water*
- the boat shed, where they still bend planks by steam
- ~~the museum~~ closed until spring

> The harbour office has the tide tables.

`;

async function browserOf(browser: Browser, identity: object, as: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext(as);
  await context.addInitScript((kept) => localStorage.setItem("driftwood-notes-identity", kept), JSON.stringify(identity));
  return context;
}

/** Selects words in the text as a person does, with the mouse. */
async function selectWords(notes: NotesPage, words: string): Promise<void> {
  const box = await notes.editor.evaluate((editor, searched) => {
    const walker = document.createTreeWalker(editor, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const at = node.textContent?.indexOf(searched) ?? -1;
      if (at < 0) continue;
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + searched.length);
      const { left, right, top, bottom } = range.getBoundingClientRect();
      return { left, right, middle: (top + bottom) / 2 };
    }
    throw new Error(`“${searched}” is not on the screen`);
  }, words);
  await notes.page.mouse.move(box.left + 1, box.middle);
  await notes.page.mouse.down();
  await notes.page.mouse.move(box.right - 1, box.middle, { steps: 4 });
  await notes.page.mouse.up();
}
