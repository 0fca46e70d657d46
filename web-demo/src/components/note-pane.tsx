import { useEffect, useState } from "react";
import type { Doc } from "driftwood-sync";
import type { Identity } from "../identity";
import type { Notebook } from "../notebook";
import { hashOf } from "../settings";
import { openingTrouble } from "../words";
import { NoteView } from "./note-view";
import { Icon } from "./icon";

interface Props {
  notebook: Notebook;
  id: string;
  /** Whether the notebook lists it. */
  listed: boolean;
  /** Whether it was made just now, here. */
  fresh: boolean;
  self: Identity;
}

type Shown = { doc: Doc } | { error: unknown } | null;

/** The open note, or words that say why there is none to show. */
export function NotePane({ notebook, id, listed, fresh, self }: Props) {
  const [shown, setShown] = useState<Shown>(() => asShown(notebook.noteIfOpen(id)));
  useEffect(() => {
    if (!listed) return;
    let current = true;
    notebook.note(id).then(
      (doc) => current && setShown({ doc }),
      (error: unknown) => current && setShown({ error }),
    );
    return () => {
      current = false;
    };
  }, [notebook, id, listed]);

  if (shown !== null && "error" in shown) return <Failed error={shown.error} />;
  if (!listed) return <Unlisted onPutBack={() => notebook.putBack(id)} />;
  if (shown === null) return <p className="message">Opening…</p>;
  return <NoteView doc={shown.doc} self={self} fresh={fresh} />;
}

function asShown(doc: Doc | null): Shown {
  return doc && { doc };
}

function Failed({ error }: { error: unknown }) {
  const { title, advice } = openingTrouble(error);
  return (
    <div className="message" role="alert">
      <h1>{title}</h1>
      <p>{advice}</p>
    </div>
  );
}

function Unlisted({ onPutBack }: { onPutBack: () => void }) {
  return (
    <div className="message">
      <h1>This note is not in the notebook</h1>
      <p>Somebody deleted it, or it has not arrived here yet. If it was deleted, you can put it back as it was.</p>
      <div className="actions">
        <button type="button" className="button" onClick={onPutBack}>
          Put it back
        </button>
        <a className="button bare" href={hashOf(null)}>
          <Icon name="back" />
          All notes
        </a>
      </div>
    </div>
  );
}
