import { initials } from "../identity";
import type { Identity } from "../identity";
import type { Visitor } from "../presence";
import { hashOf } from "../settings";
import { personStyle } from "./avatar";

const SHOWN_MAX = 5;

interface Props {
  visitors: readonly Visitor[];
  self: Identity;
  /** The note open here. */
  note: string | null;
  titleOf: (note: string) => string;
}

/** Who else has the notebook open. Those in this note are filled in; a click goes to the note somebody is in. */
export function People({ visitors, self, note, titleOf }: Props) {
  const shown = visitors.slice(0, SHOWN_MAX);
  const more = visitors.slice(SHOWN_MAX);
  return (
    <ul className="people" aria-label="Who else is here">
      {shown.map((visitor) => (
        <li key={visitor.peer}>
          <Person visitor={visitor} self={self} here={visitor.note === note} titleOf={titleOf} />
        </li>
      ))}
      {more.length > 0 && (
        <li className="avatar more" title={more.map(({ name }) => name).join(", ")}>
          +{more.length}
        </li>
      )}
    </ul>
  );
}

interface PersonProps {
  visitor: Visitor;
  self: Identity;
  here: boolean;
  titleOf: (note: string) => string;
}

function Person({ visitor, self, here, titleOf }: PersonProps) {
  const who = visitor.person === self.person ? `${visitor.name} (you, in another tab)` : visitor.name;
  const where = visitor.note === null ? "in the list" : here ? "in this note" : `in “${titleOf(visitor.note)}”`;
  const words = `${who}, ${where}`;
  return (
    <a
      className={here ? "avatar" : "avatar elsewhere"}
      style={personStyle(visitor.colour)}
      href={hashOf(visitor.note)}
      aria-label={words}
      title={words}
    >
      <span aria-hidden="true">{initials(visitor.name)}</span>
    </a>
  );
}
