import { expect, test } from "./support/test";

test("two relays hold every change, and one that was killed catches up", async ({ openNotes, startRelay }) => {
  const north = await startRelay();
  const south = await startRelay({ peers: [north] });
  const one = await openNotes({ relay: north });
  const two = await openNotes({ relay: south });

  await one.newNote("Over two relays");
  await two.openNote("Over two relays");
  await one.type("from north. ");
  await two.expectText("from north. ");
  await two.type("from south. ");
  await one.expectText("from north. from south. ");
  await expect(one.badge).toHaveText("Saved on two relays");
  await expect(two.badge).toHaveText("Saved on two relays");

  await north.kill();
  await one.type("north alone. ");
  await two.type("south alone. ");
  await expect(one.badge).toHaveText("Saved on this device");
  await expect(two.badge).toHaveText("Saved on a relay");
  expect(await one.text()).not.toContain("south alone");

  await north.restart();
  await expect.poll(() => one.text(), { timeout: 30_000 }).toContain("south alone. ");
  await expect.poll(() => two.text()).toContain("north alone. ");
  await two.expectText(await one.text());
  await expect(one.badge).toHaveText("Saved on two relays");
  await expect(two.badge).toHaveText("Saved on two relays");
});
