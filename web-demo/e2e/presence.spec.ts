import { expect, test } from "./support/test";

test("names and cursors of the others show up and vanish", async ({ openNotes, relay }) => {
  const ana = await openNotes({ relay });
  const ben = await openNotes({ relay });
  await ana.rename("Ana");
  await ben.rename("Ben");
  await ana.newNote("Together");
  await ana.type("one two three");
  await expect(ben.people.getByRole("link", { name: /^Ana, in “Together”/ })).toBeVisible();

  await ben.openNote("Together");
  await ben.expectText("one two three");
  await expect(ana.people.getByRole("link", { name: "Ben, in this note" })).toBeVisible();
  await ben.editor.press("Control+End");
  await expect(ana.cursors).toHaveCount(1);
  await expect(ana.cursors).toHaveText("Ben");
  await ben.page.keyboard.press("Shift+Control+ArrowLeft");
  await expect(ana.page.locator(".cm-remote-selection")).toHaveText("three");
  await expect(ben.cursors).toHaveText("Ana");

  await ben.rename("Benjamin");
  await expect(ana.cursors).toHaveText("Benjamin");
  await ben.page.reload();
  await expect(ben.page.getByRole("textbox", { name: "Your name" })).toHaveValue("Benjamin");

  await ben.page.close();
  await expect(ana.people.getByRole("link")).toHaveCount(0);
  await expect(ana.cursors).toHaveCount(0);
});
