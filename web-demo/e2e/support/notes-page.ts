/** The page as a person uses it: everything is found by role and label. */
import { expect } from "@playwright/test";
import type { Locator, Page } from "@playwright/test";

/** What a note shows, in one piece, to compare two pages. */
export interface NoteContent {
  title: string;
  text: string;
  tags: string[];
  todos: { text: string; done: boolean }[];
  likes: string;
}

export class NotesPage {
  readonly list: Locator;
  readonly title: Locator;
  readonly editor: Locator;
  readonly tags: Locator;
  readonly todos: Locator;
  readonly likes: Locator;
  readonly badge: Locator;
  readonly connection: Locator;
  readonly offline: Locator;
  readonly people: Locator;
  readonly cursors: Locator;

  constructor(readonly page: Page) {
    this.list = page.getByRole("navigation", { name: "Notes" });
    this.title = page.getByRole("textbox", { name: "Title" });
    this.editor = page.getByRole("textbox", { name: "Text", exact: true });
    this.tags = page.getByRole("list", { name: "Tags" });
    this.todos = page.getByRole("region", { name: "To do" });
    this.likes = page.getByRole("button", { name: /^Like this note/ });
    this.badge = page.getByRole("status", { name: "Saved where" });
    this.connection = page.getByRole("status", { name: "Connection" });
    this.offline = page.getByRole("switch", { name: "Work offline" });
    this.people = page.getByRole("list", { name: "Who else is here" });
    this.cursors = page.locator(".cm-remote-caret");
  }

  async newNote(title: string): Promise<void> {
    await this.page.getByRole("button", { name: "New note" }).click();
    await this.title.fill(title);
    await expect(this.link(title)).toBeAttached();
  }

  link(title: string): Locator {
    return this.list.getByRole("link", { name: title });
  }

  async openNote(title: string): Promise<void> {
    await this.link(title).click();
    await expect(this.title).toHaveValue(title);
  }

  /** Types at the end of the text, key by key. */
  async type(text: string): Promise<void> {
    await this.editor.focus();
    await this.page.keyboard.press("Control+End");
    await this.page.keyboard.type(text);
  }

  /** Types at the start of the text, key by key. */
  async typeAtStart(text: string): Promise<void> {
    await this.editor.focus();
    await this.page.keyboard.press("Control+Home");
    await this.page.keyboard.type(text);
  }

  /** The text of a note that is short enough to be on the screen as a whole. */
  text(): Promise<string> {
    return this.editor.evaluate(shownText);
  }

  /** The text of a note of any length, by select all and copy. */
  async copyText(): Promise<string> {
    await this.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await this.editor.focus();
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.press("Control+C");
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  async addTag(tag: string): Promise<void> {
    await this.tags.getByRole("textbox", { name: "Add a tag" }).fill(tag);
    await this.page.keyboard.press("Enter");
  }

  async addTodo(text: string): Promise<void> {
    await this.todos.getByRole("textbox", { name: "Add a to-do" }).fill(text);
    await this.page.keyboard.press("Enter");
  }

  async goOffline(off: boolean): Promise<void> {
    if ((await this.offline.getAttribute("aria-checked")) !== String(off)) await this.offline.click();
    await expect(this.connection).toHaveText(off ? "Offline" : "Connected");
  }

  async rename(name: string): Promise<void> {
    await this.page.getByRole("textbox", { name: "Your name" }).fill(name);
    await this.page.keyboard.press("Enter");
  }

  async expectText(text: string | RegExp): Promise<void> {
    const poll = expect.poll(() => this.text());
    await (typeof text === "string" ? poll.toBe(text) : poll.toMatch(text));
  }

  async content(): Promise<NoteContent> {
    return {
      title: await this.title.inputValue(),
      text: await this.text(),
      tags: await this.tags.locator(".tag").allInnerTexts(),
      todos: await this.todos.getByRole("listitem").evaluateAll((items) =>
        items.map((item) => ({
          text: item.querySelector("textarea")?.value ?? "",
          done: item.querySelector<HTMLInputElement>("input[type=checkbox]")?.checked ?? false,
        })),
      ),
      likes: (await this.likes.innerText()).trim(),
    };
  }

  /** The badge and the text at one and the same moment. */
  savedText(): Promise<{ badge: string; text: string }> {
    return this.page.evaluate(() => {
      const lines = document.querySelectorAll("[aria-label='Text'] .cm-line");
      return {
        badge: document.querySelector("[aria-label='Saved where']")?.textContent ?? "",
        text: [...lines].map((line) => line.textContent ?? "").join("\n"),
      };
    });
  }
}

function shownText(editor: Element): string {
  const lines = [...editor.querySelectorAll(".cm-line")];
  if (lines.length === 1 && lines[0]?.querySelector(".cm-placeholder")) return "";
  return lines.map((line) => line.textContent ?? "").join("\n");
}
