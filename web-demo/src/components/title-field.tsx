import { useEffect, useRef } from "react";
import type { Doc } from "driftwood-sync";
import { useComputed } from "../hooks";
import { titleConflicts, titleOf } from "../note";

/** The title, shared letter by letter, and a hint where several people gave one at the same time. */
export function TitleField({ doc, autoFocus }: { doc: Doc; autoFocus: boolean }) {
  const title = useComputed(doc, titleOf);
  const conflicts = useComputed(doc, titleConflicts);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (autoFocus) field.current?.focus();
  }, [autoFocus]);

  const choose = (chosen: string): void => {
    doc.map("meta").set("title", chosen);
  };
  return (
    <>
      <input
        ref={field}
        className="title"
        aria-label="Title"
        placeholder="Untitled"
        value={title}
        onChange={(event) => choose(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
          event.preventDefault();
          document.querySelector<HTMLElement>("[aria-label='Text']")?.focus();
        }}
      />
      {conflicts.length > 0 && (
        <div className="hint" role="group" aria-label="Titles given at the same time">
          <span>Titles given at the same time. Keep</span>
          {conflicts.map((other) => (
            <button key={other} type="button" className="button" onClick={() => choose(other)}>
              {other || "no title"}
            </button>
          ))}
        </div>
      )}
    </>
  );
}
