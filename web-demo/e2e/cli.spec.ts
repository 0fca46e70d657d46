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
