import { useRef } from "react";
import type { KeyboardEvent } from "react";
import type { NoteSummary } from "../notebook";
import type { Visitor } from "../presence";
import { NoteItem } from "./note-item";

interface Props {
  notes: readonly NoteSummary[];
  /** Whether the list is cut down by a search. */
  filtered: boolean;
  open: string | null;
  visitors: readonly Visitor[];
  onRemove: (note: NoteSummary) => void;
}

/** The notes, newest first. Arrow keys, Home and End go through them; Enter opens, Delete removes. */
export function NoteList({ notes, filtered, open, visitors, onRemove }: Props) {
  const list = useRef<HTMLUListElement>(null);

  const focus = (index: number): void => {
    const links = list.current?.querySelectorAll<HTMLAnchorElement>("a") ?? [];
    links[Math.max(0, Math.min(index, links.length - 1))]?.focus();
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (!(event.target instanceof HTMLAnchorElement)) return;
    const id = event.target.dataset["note"];
    const at = notes.findIndex((note) => note.id === id);
    const note = notes[at];
    if (!note) return;
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: notes.length - 1 };
    const to = moves[event.key];
    if (to !== undefined) focus(to);
    else if (event.key === "Delete") {
      focus(at + 1 < notes.length ? at + 1 : at - 1);
      onRemove(note);
    } else return;
    event.preventDefault();
  };

  return (
    <nav className="notes" aria-label="Notes">
      {notes.length === 0 && <p className="none">{filtered ? "No note has these words." : "No notes yet."}</p>}
      <ul ref={list} onKeyDown={onKeyDown}>
        {notes.map((note) => (
          <NoteItem
            key={note.id}
            note={note}
            open={note.id === open}
            visitors={visitors.filter((visitor) => visitor.note === note.id)}
            onRemove={() => onRemove(note)}
          />
        ))}
      </ul>
    </nav>
  );
}
