import { useState } from "react";
import type { Doc } from "driftwood-sync";
import { useSnapshot } from "../hooks";
import { addTodo, removeTodo, todosOf } from "../note";
import { TodoItem } from "./todo-item";

/** The to-do list. Each to-do is a map, so that one person can reword what another one checks. */
export function TodoList({ doc }: { doc: Doc }) {
  const list = doc.list("todos");
  useSnapshot(list);
  const todos = todosOf(list);
  const [draft, setDraft] = useState("");
  const done = todos.filter((todo) => todo.done).length;

  const add = (): void => {
    if (draft.trim() !== "") addTodo(doc, draft.trim());
    setDraft("");
  };
  return (
    <section aria-label="To do">
      <div className="section-head">
        <h2 className="heading">To do</h2>
        {todos.length > 0 && (
          <span className="count">
            {done} of {todos.length} done
          </span>
        )}
      </div>
      <ul>
        {todos.map((todo) => (
          <TodoItem key={todo.key} todo={todo} onRemove={() => removeTodo(list, todo.handle)} />
        ))}
      </ul>
      <input
        className="field todo-new"
        aria-label="Add a to-do"
        placeholder="Add a to-do"
        value={draft}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={add}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.nativeEvent.isComposing) add();
        }}
      />
    </section>
  );
}
