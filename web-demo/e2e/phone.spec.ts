import { devices } from "@playwright/test";
import { expect, test } from "./support/test";

const { viewport, userAgent, deviceScaleFactor, isMobile, hasTouch } = devices["Pixel 7"];
const phone = { viewport, userAgent, deviceScaleFactor, isMobile, hasTouch };

test("on a phone the list and the note take turns", async ({ openNotes }) => {
  const notes = await openNotes({ as: phone });
  const { page } = notes;
  await expect(page.getByRole("heading", { name: "Notes that stay afloat" })).toBeVisible();
  await expect(notes.badge).toHaveText("Nothing to save yet");
  await page.getByRole("button", { name: "Write the first note" }).tap();
  await notes.title.fill("Pocket");
  await expect(notes.list).toBeHidden();

  await page.getByRole("link", { name: "Notes", exact: true }).tap();
  await expect(notes.link("Pocket")).toBeVisible();
  await expect(notes.title).toBeHidden();
  await expect(notes.badge).toBeVisible();

  await notes.link("Pocket").tap();
  await expect(notes.title).toHaveValue("Pocket");
  await notes.type("typed with thumbs");
  await notes.expectText("typed with thumbs");
  await page.goBack();
  await expect(notes.link("Pocket")).toBeVisible();

  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow, "nothing sticks out sideways").toBeLessThanOrEqual(0);
});
