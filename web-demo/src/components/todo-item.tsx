import { useRef } from "react";
import type { TodoEntry } from "../note";
import { Icon } from "./icon";

/** One to-do: a box to check, and its words, edited in place. Emptied, it goes away. */
export function TodoItem({ todo, onRemove }: { todo: TodoEntry; onRemove: () => void }) {
  const { handle, text, done } = todo;
  const removed = useRef(false);
  const name = text || "empty to-do";

  const remove = (): void => {
    if (removed.current) return;
    removed.current = true;
    onRemove();
  };
  return (
    <li className="todo" data-done={done}>
      <input type="checkbox" aria-label={name} checked={done} onChange={(event) => handle.set("done", event.target.checked)} />
      <textarea
        className="words"
        rows={1}
        aria-label={`Edit ${name}`}
        value={text}
        onChange={(event) => handle.set("text", event.target.value.replace(/\n/g, " "))}
        onBlur={() => {
          if (text.trim() === "") remove();
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.nativeEvent.isComposing) {
            event.preventDefault();
            event.currentTarget.blur();
          } else if (event.key === "Backspace" && text === "") {
            event.preventDefault();
            remove();
          }
        }}
      />
      <button type="button" className="button bare square" aria-label={`Delete ${name}`} onClick={remove}>
        <Icon name="close" />
      </button>
    </li>
  );
}
