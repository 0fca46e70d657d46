import { expect, test } from "./support/test";

test.describe("two tabs of one browser", () => {
  test("see each other's typing without a relay", async ({ openNotes, context }) => {
    const one = await openNotes({ context });
    const two = await openNotes({ context });
    await expect(one.connection).toHaveText("This browser only");

    await one.newNote("Groceries");
    await two.openNote("Groceries");
    await one.type("bread\n");
    await two.expectText("bread\n");
    await two.type("butter 🧈");
    await one.expectText("bread\nbutter 🧈");
    await two.title.fill("Shopping");
    await expect(one.title).toHaveValue("Shopping");
    await expect(one.badge).toHaveText("Saved on this device");
  });

  test("share everything else of a note, too", async ({ openNotes, context, relay }) => {
    const one = await openNotes({ context, relay });
    const two = await openNotes({ context, relay });
    await one.newNote("Trip");
    await two.openNote("Trip");

    await one.addTag("summer");
    await two.addTag("coast");
    await one.addTodo("book the ferry");
    await two.todos.getByRole("checkbox", { name: "book the ferry" }).check();
    await one.likes.click();
    await two.likes.click();
    await expect(one.likes).toHaveText("2 likes");
    await expect.poll(() => one.content()).toEqual({
      title: "Trip",
      text: "",
      tags: ["coast", "summer"],
      todos: [{ text: "book the ferry", done: true }],
      likes: "2 likes",
    });
    await expect.poll(() => two.content()).toEqual(await one.content());
  });

  test("type in the same line at once and end with the same text", async ({ openNotes, context }) => {
    const one = await openNotes({ context });
    const two = await openNotes({ context });
    await one.newNote("Race");
    await two.openNote("Race");
    await one.type("| ");
    await two.expectText("| ");

    await Promise.all([one.type("to be or not to be"), two.typeAtStart("that is the question")]);
    await one.expectText("that is the question| to be or not to be");
    await two.expectText("that is the question| to be or not to be");
  });

  test("keep undo to the own typing", async ({ openNotes, context }) => {
    const one = await openNotes({ context });
    const two = await openNotes({ context });
    await one.newNote("Undo");
    await two.openNote("Undo");
    await one.type("mine ");
    await two.expectText("mine ");
    await two.type("theirs");
    await one.expectText("mine theirs");
    await one.editor.press("Control+z");
    await one.expectText("theirs");
    await two.expectText("theirs");
    await one.editor.press("Control+y");
    await two.expectText("mine theirs");
  });
});
