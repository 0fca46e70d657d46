import { useEffect } from "react";
import type { Doc } from "driftwood-sync";
import { useComputed } from "../hooks";
import type { Identity } from "../identity";
import { titleOf } from "../note";
import { Editor } from "./editor";
import { Likes } from "./likes";
import { TagList } from "./tag-list";
import { TitleField } from "./title-field";
import { TodoList } from "./todo-list";

/** One note, all of it live. */
export function NoteView({ doc, self, fresh }: { doc: Doc; self: Identity; fresh: boolean }) {
  const title = useComputed(doc, titleOf);
  useEffect(() => {
    document.title = `${title || "Untitled"} · Driftwood notes`;
    return () => {
      document.title = "Driftwood notes";
    };
  }, [title]);
  return (
    <article className="note" aria-label={title || "Untitled"}>
      <header className="note-head">
        <h1 className="unseen">{title || "Untitled"}</h1>
        <TitleField doc={doc} autoFocus={fresh} />
        <TagList doc={doc} />
      </header>
      <div className="note-text">
        <Editor doc={doc} self={self} />
      </div>
      <aside className="note-side" aria-label="To do and likes">
        <TodoList doc={doc} />
        <Likes doc={doc} />
      </aside>
    </article>
  );
}
