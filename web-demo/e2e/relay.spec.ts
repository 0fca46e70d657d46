import { expect, test } from "./support/test";

test("a second browser sees the typing through the relay", async ({ openNotes, relay }) => {
  const one = await openNotes({ relay });
  const two = await openNotes({ relay });
  await expect(one.connection).toHaveText("Connected");

  await one.newNote("From one to two");
  await two.openNote("From one to two");
  await one.type("Hello from the first browser.");
  await two.expectText("Hello from the first browser.");
  await two.type(" And back 👋");
  await one.expectText("Hello from the first browser. And back 👋");
  await expect(one.badge).toHaveText("Saved on a relay");
  await expect(two.badge).toHaveText("Saved on a relay");
});

test("nothing that was shown as saved on a relay is lost when it is killed amid typing", async ({ openNotes, relay }) => {
  const one = await openNotes({ relay });
  await one.newNote("Journal");
  await one.editor.focus();
  let saved = "";
  let killed: Promise<void> | null = null;
  for (let word = 1; word <= 70; word += 1) {
    await one.page.keyboard.type(`word${word} `);
    // A fast machine may type on before any acknowledgement is there: once it is waited for.
    if (word === 10) await expect(one.badge).toHaveText("Saved on a relay");
    const { badge, text } = await one.savedText();
    if (killed === null && badge === "Saved on a relay") saved = text;
    // Not awaited: it dies while the next words are typed.
    if (word === 45) killed = relay.kill();
  }
  await killed;
  expect(saved, "some words were saved before").toContain("word10 ");
  await expect(one.badge).toHaveText("Saved on this device");
  const all = await one.text();

  // The first browser keeps away, so that what a fresh one gets can only come from the relay's own disk.
  await one.offline.click();
  await relay.restart();
  const fresh = await openNotes({ relay });
  await fresh.openNote("Journal");
  await expect.poll(() => fresh.text()).toContain(saved);
  expect(all.startsWith(await fresh.text())).toBe(true);

  await one.goOffline(false);
  await fresh.expectText(all);
  await expect(one.badge).toHaveText("Saved on a relay");
});
