import { expect, test } from "./support/test";

test("the list is searched and gone through with the keyboard alone", async ({ openNotes }) => {
  const notes = await openNotes();
  const { page } = notes;
  for (const title of ["Alder", "Birch", "Cedar"]) {
    await page.keyboard.press("Alt+n");
    await expect(notes.title).toBeFocused();
    await page.keyboard.type(title);
    await page.keyboard.press("Enter");
    await expect(notes.editor).toBeFocused();
    await page.keyboard.type(`about the ${title.toLowerCase()} tree`);
    await expect(notes.link(title)).toBeVisible();
  }
  await expect(notes.list.getByRole("link")).toHaveText([/Cedar/, /Birch/, /Alder/]);

  await page.keyboard.press("Escape");
  await expect(notes.link("Cedar")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(notes.link("Birch")).toBeFocused();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(notes.title).toHaveValue("Alder");

  await page.keyboard.press("Control+k");
  await page.keyboard.type("BIRCH tree");
  await expect(notes.list.getByRole("link")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(notes.title).toHaveValue("Birch");
  await page.keyboard.press("Escape");
  await expect(notes.list.getByRole("link")).toHaveCount(3);
});

test("a deleted note can be put back, and those who have it open are told", async ({ openNotes, context }) => {
  const one = await openNotes({ context });
  const two = await openNotes({ context });
  await one.newNote("Precious");
  await one.type("do not lose");
  await two.openNote("Precious");

  await one.link("Precious").focus();
  await one.page.keyboard.press("Delete");
  await expect(one.list.getByRole("link")).toHaveCount(0);
  await expect(two.page.getByRole("heading", { name: "This note is not in the notebook" })).toBeVisible();
  await one.page.getByRole("button", { name: "Undo" }).click();
  await expect(one.link("Precious")).toBeVisible();
  await two.expectText("do not lose");
});

test("to-dos are reworded, checked and deleted in place", async ({ openNotes }) => {
  const notes = await openNotes();
  await notes.newNote("Chores");
  for (const todo of ["sweep", "mop", "dust"]) await notes.addTodo(todo);
  await notes.todos.getByRole("textbox", { name: "Edit mop" }).fill("mop the hall");
  await notes.todos.getByRole("checkbox", { name: "sweep" }).check();
  await notes.todos.getByRole("button", { name: "Delete dust" }).click();
  await expect.poll(async () => (await notes.content()).todos).toEqual([
    { text: "sweep", done: true },
    { text: "mop the hall", done: false },
  ]);
  await expect(notes.todos.getByText("1 of 2 done")).toBeVisible();
});
