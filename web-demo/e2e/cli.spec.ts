import { expect, test } from "./support/test";

test("a note made in a terminal appears in the page, and the other way round", async ({ openNotes, relay, cli }) => {
  const terminal = await cli();
  const notes = await openNotes({ relay });
  await terminal.run("new", "trip", "--title", "Trip to Skye");
  await terminal.run("sync", "--relay", relay.url);

  await notes.openNote("Trip to Skye");
  await notes.type("Boots, map, 🧭");
  await notes.addTag("scotland");
  await notes.addTodo("book the ferry");
  await notes.newNote("Made in the page");
  await expect(notes.badge).toHaveText("Saved on a relay");

  await terminal.run("sync", "--relay", relay.url);
  expect(await terminal.run("show", "trip", "--body")).toContain("Boots, map, 🧭");
  const shown = await terminal.run("show", "trip");
  expect(shown).toContain("Trip to Skye");
  expect(shown).toContain("scotland");
  expect(shown).toContain("book the ferry");
  expect(await terminal.run("list")).toContain("Made in the page");
});

test("line ends of another system and signs beyond 16 bits keep their places", async ({ openNotes, relay, cli }) => {
  const terminal = await cli();
  await terminal.run("new", "mixed", "--title", "Mixed", "--text", "first\r\nse🌊cond\r\nthird");
  await terminal.run("sync", "--relay", relay.url);
  const notes = await openNotes({ relay });
  await notes.openNote("Mixed");
  await notes.type("!");
  await notes.editor.press("ArrowUp");
  await notes.editor.press("Home");
  for (let step = 0; step < 3; step += 1) await notes.editor.press("ArrowRight");
  await notes.page.keyboard.type("+");
  await expect(notes.badge).toHaveText("Saved on a relay");

  await terminal.run("sync", "--relay", relay.url);
  expect(await terminal.run("show", "mixed", "--body")).toBe("first\r\nse🌊+cond\r\nthird!");
});
