import type { NoteSummary } from "../notebook";
import type { Visitor } from "../presence";
import { hashOf } from "../settings";
import { personStyle } from "./avatar";
import { Icon } from "./icon";

interface Props {
  note: NoteSummary;
  open: boolean;
  visitors: readonly Visitor[];
  onRemove: () => void;
}

/** One line of the list: a link to the note, with what is in it and who is there. */
export function NoteItem({ note, open, visitors, onRemove }: Props) {
  const name = note.title || "Untitled";
  const facts = [
    note.todosLeft > 0 ? `${note.todosLeft} to do` : "",
    note.tags.map((tag) => `#${tag}`).join(" "),
  ].filter((fact) => fact !== "");
  return (
    <li className="note-item">
      <a href={hashOf(note.id)} data-note={note.id} aria-current={open ? "page" : undefined}>
        <span className={note.title ? "name" : "name untitled"}>{name}</span>
        <span className="excerpt">{excerptOf(note)}</span>
        {facts.length > 0 && (
          <span className="facts">
            {facts.map((fact) => (
              <span key={fact}>{fact}</span>
            ))}
          </span>
        )}
      </a>
      <button type="button" className="button bare square remove" aria-label={`Delete ${name}`} onClick={onRemove}>
        <Icon name="bin" />
      </button>
      {visitors.length > 0 && (
        <span className="here" title={visitors.map((visitor) => visitor.name).join(", ")}>
          {visitors.slice(0, 4).map((visitor) => (
            <i key={visitor.peer} style={personStyle(visitor.colour)} />
          ))}
        </span>
      )}
    </li>
  );
}

function excerptOf({ error, read, excerpt }: NoteSummary): string {
  if (error !== null) return "Could not be opened";
  if (!read) return "Not opened yet";
  return excerpt || "No text yet";
}
