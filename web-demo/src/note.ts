/**
 * The shape of a note. Each note is a document of its own, so that opening one costs nothing for the others:
 * map "meta" {title}, text "body", set "tags", list "todos" of maps {text, done}, counter "likes".
 */
import type { Doc, DocList, DocMap, Value } from "driftwood-sync";

export interface Todo {
  readonly text: string;
  readonly done: boolean;
}

/** A to-do with the handle to change it, which stays with it when others move around it. */
export interface TodoEntry extends Todo {
  readonly handle: DocMap;
  readonly key: string;
}

export function titleOf(doc: Doc): string {
  const title = doc.map("meta").toJSON()["title"];
  return typeof title === "string" ? title : "";
}

export function tagsOf(doc: Doc): readonly string[] {
  return readTags(doc.set("tags").toJSON());
}

export function readTags(values: readonly Value[]): readonly string[] {
  return values.filter((tag) => typeof tag === "string").sort((a, b) => a.localeCompare(b));
}

/** The titles written at the same time, the shown one first; empty unless there are at least two. */
export function titleConflicts(doc: Doc): readonly string[] {
  const titles = doc.map("meta").conflicts("title").map(({ value }) => value).filter((title) => typeof title === "string");
  const distinct = [...new Set(titles)];
  return distinct.length > 1 ? distinct : [];
}

const keys = new WeakMap<DocMap, string>();
let keysGiven = 0;

/** The to-dos in order. Elements of another shape, written by some other program, are passed over. */
export function todosOf(list: DocList): TodoEntry[] {
  const entries: TodoEntry[] = [];
  for (let index = 0; index < list.length; index += 1) {
    const handle = list.get(index);
    if (!isMap(handle)) continue;
    const { text, done } = handle.toJSON();
    let key = keys.get(handle);
    if (key === undefined) keys.set(handle, (key = `todo-${(keysGiven += 1)}`));
    entries.push({ text: typeof text === "string" ? text : "", done: done === true, handle, key });
  }
  return entries;
}

function isMap(item: unknown): item is DocMap {
  return typeof item === "object" && item !== null && "kind" in item && item.kind === "map" && "setOf" in item;
}

export function addTodo(doc: Doc, text: string): void {
  const list = doc.list("todos");
  doc.transact(() => {
    const todo = list.insertMap(list.length);
    todo.set("text", text);
    todo.set("done", false);
  });
}

export function removeTodo(list: DocList, handle: DocMap): void {
  for (let index = 0; index < list.length; index += 1) {
    if (list.get(index) === handle) {
      list.delete(index);
      return;
    }
  }
}
