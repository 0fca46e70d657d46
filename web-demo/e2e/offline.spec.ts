import { expect, test } from "./support/test";

test("what two people edit offline comes together", async ({ openNotes, relay }) => {
  const one = await openNotes({ relay });
  const two = await openNotes({ relay });
  await one.newNote("Plan");
  await one.type("middle");
  await one.addTag("shared");
  await one.addTodo("buy rope");
  await one.likes.click();
  await two.openNote("Plan");
  await expect.poll(() => two.content()).toEqual(await one.content());

  await one.goOffline(true);
  await two.goOffline(true);
  await one.typeAtStart("start ");
  await one.addTag("from-one");
  await one.todos.getByRole("checkbox", { name: "buy rope" }).check();
  await one.addTodo("one more");
  await one.likes.click();
  await one.title.fill("Plan of one");
  await expect(one.badge).toHaveText("Saved on this device");

  await two.type(" end");
  await two.page.getByRole("button", { name: "Remove tag shared" }).click();
  await two.addTag("from-two");
  await two.todos.getByRole("textbox", { name: "Edit buy rope" }).fill("buy 20 m of rope");
  await two.likes.click();
  await two.likes.click();
  await two.title.fill("Plan of two");
  await expect(two.badge).toHaveText("Saved on this device");
  await expect(two.page.getByText(/changes? waiting/)).toBeVisible();
  await expect(one.title).toHaveValue("Plan of one");
  expect(await one.text()).toBe("start middle");

  await one.goOffline(false);
  await two.goOffline(false);
  await one.expectText("start middle end");
  await expect.poll(async () => (await one.content()).todos).toEqual([
    { text: "buy 20 m of rope", done: true },
    { text: "one more", done: false },
  ]);
  await expect(one.likes).toHaveText("4 likes");
  await expect.poll(async () => (await one.content()).tags).toEqual(["from-one", "from-two"]);
  await expect.poll(() => two.content()).toEqual(await one.content());

  // Both titles are still there to choose from, on both sides, until somebody does.
  for (const notes of [one, two]) {
    const hint = notes.page.getByRole("group", { name: "Titles given at the same time" });
    await expect(hint.getByRole("button", { name: "Plan of one" })).toBeVisible();
    await expect(hint.getByRole("button", { name: "Plan of two" })).toBeVisible();
  }
  await one.page.getByRole("button", { name: "Plan of two", exact: true }).click();
  for (const notes of [one, two]) {
    await expect(notes.title).toHaveValue("Plan of two");
    await expect(notes.page.getByRole("group", { name: "Titles given at the same time" })).toBeHidden();
  }
  await expect(one.badge).toHaveText("Saved on a relay");
  await expect(two.badge).toHaveText("Saved on a relay");
});

test("a network that goes silent is noticed, and nothing is shown as saved on a relay meanwhile", async ({ openNotes, relay }) => {
  const one = await openNotes({ relay });
  await one.newNote("Tunnel");
  await expect(one.badge).toHaveText("Saved on a relay");
  await one.page.context().setOffline(true);
  await relay.kill();
  await one.type("written in the tunnel");
  await expect(one.badge).toHaveText("Saved on this device");
  await relay.restart();
  await one.page.context().setOffline(false);
  await expect(one.badge).toHaveText("Saved on a relay", { timeout: 30_000 });
});
