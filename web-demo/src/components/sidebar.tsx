import { useDeferredValue, useState } from "react";
import type { Ref } from "react";
import type { Identity, IdentityStore } from "../identity";
import type { Notebook, NoteSummary } from "../notebook";
import type { Visitor } from "../presence";
import { hashOf } from "../settings";
import { Icon } from "./icon";
import { NoteList } from "./note-list";
import { OwnName } from "./own-name";

interface Props {
  title: string;
  notebook: Notebook;
  notes: readonly NoteSummary[];
  open: string | null;
  visitors: readonly Visitor[];
  self: Identity;
  identity: IdentityStore;
  search: Ref<HTMLInputElement>;
  onNew: () => void;
  onRemove: (note: NoteSummary) => void;
  onShortcuts: () => void;
}

/** The column with the search, the list of notes and the own name. */
export function Sidebar(props: Props) {
  const { title, notebook, notes, open, visitors, self, identity, search, onNew, onRemove, onShortcuts } = props;
  const [words, setWords] = useState("");
  const query = useDeferredValue(words);
  const found = query.trim() === "" ? notes : notes.filter((note) => notebook.matches(note, query));
  return (
    <section className="side" aria-label="Notebook">
      <header className="side-head">
        <img className="logo" src="icon.svg" alt="" />
        <h1>{title}</h1>
        <button type="button" className="button primary square" aria-label="New note" title="New note (Alt+N)" onClick={onNew}>
          <Icon name="add" />
        </button>
      </header>
      <div className="search" role="search">
        <Icon name="search" />
        <input
          ref={search}
          className="field"
          type="search"
          placeholder="Search notes"
          aria-label="Search notes"
          value={words}
          onChange={(event) => setWords(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && found[0]) location.hash = hashOf(found[0].id);
            else if (event.key === "ArrowDown") focusFirstNote();
            else if (event.key === "Escape" && words !== "") setWords("");
            else return;
            event.preventDefault();
            event.stopPropagation();
          }}
        />
      </div>
      <NoteList notes={found} filtered={query.trim() !== ""} open={open} visitors={visitors} onRemove={onRemove} />
      <footer className="side-foot">
        <OwnName self={self} store={identity} />
        <button
          type="button"
          className="button bare square"
          aria-label="Keyboard shortcuts"
          title="Keyboard shortcuts"
          onClick={onShortcuts}
        >
          <Icon name="keyboard" />
        </button>
      </footer>
    </section>
  );
}

function focusFirstNote(): void {
  document.querySelector<HTMLAnchorElement>("[data-note]")?.focus();
}
