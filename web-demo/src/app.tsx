import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Connection } from "./components/connection";
import { Icon } from "./components/icon";
import { LoginForm } from "./components/login-form";
import { NotePane } from "./components/note-pane";
import { OfflineSwitch } from "./components/offline-switch";
import { People } from "./components/people";
import { SavedBadge } from "./components/saved-badge";
import { ShortcutsDialog } from "./components/shortcuts-dialog";
import { Sidebar } from "./components/sidebar";
import { TroubleBanner } from "./components/trouble-banner";
import { UndoToast } from "./components/undo-toast";
import { Welcome } from "./components/welcome";
import { fillExample } from "./example";
import { useKeys, useNoteInHash, useOthers, useStore } from "./hooks";
import type { IdentityStore } from "./identity";
import type { Notebook, NoteSummary } from "./notebook";
import { notebookPresence, visitorsOf } from "./presence";
import { hashOf, notebookTitle } from "./settings";
import type { Settings } from "./settings";
import { relayTrouble, storageTrouble, wantsToken } from "./words";

interface Props {
  notebook: Notebook;
  identity: IdentityStore;
  settings: Settings;
}

/** The whole page: the list on one side, the open note on the other, and how things stand above. */
export function App({ notebook, identity, settings }: Props) {
  const notes = useStore({ get: notebook.notes, subscribe: notebook.subscribe });
  const status = useStore(notebook.status);
  const self = useStore(identity);
  const visitors = visitorsOf(useOthers(notebook.doc));
  const open = useNoteInHash();
  const [offline, setOffline] = useState(false);
  const [fresh, setFresh] = useState<string | null>(null);
  const [removed, setRemoved] = useState<NoteSummary | null>(null);
  const [shortcuts, setShortcuts] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const pane = useRef<HTMLElement>(null);

  useEffect(() => notebook.doc.presence.set(notebookPresence(self, open)), [notebook, self, open]);
  useFocusAcrossPanes(open, pane);

  const titleOf = (id: string): string => notes.find((note) => note.id === id)?.title || "Untitled";
  const create = (): string => {
    const id = notebook.create();
    setFresh(id);
    location.hash = hashOf(id);
    return id;
  };
  const createExample = (): void => {
    void notebook.note(create()).then(fillExample);
  };
  const remove = (note: NoteSummary): void => {
    notebook.remove(note.id);
    setRemoved(note);
    if (note.id === open) location.hash = hashOf(null);
  };
  const forgetRemoved = useCallback(() => setRemoved(null), []);

  useKeys((event) => {
    const command = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (command && event.key.toLowerCase() === "k") {
      // At once, where that is possible: the next key may come before the next frame.
      search.current?.focus();
      if (document.activeElement !== search.current) {
        // On a phone the list comes into view only after the hash has changed.
        location.hash = hashOf(null);
        requestAnimationFrame(() => search.current?.focus());
      }
    } else if (event.altKey && event.code === "KeyN") create();
    else if (event.key === "Escape" && pane.current?.contains(event.target as Node)) leaveNote(open);
    else return;
    event.preventDefault();
  });

  const listed = useMemo(() => new Set(notes.map(({ id }) => id)), [notes]);
  return (
    <div className="app" data-pane={open !== null ? "note" : notes.length > 0 ? "list" : "empty"}>
      <Sidebar
        title={notebookTitle(settings)}
        notebook={notebook}
        notes={notes}
        open={open}
        visitors={visitors}
        self={self}
        identity={identity}
        search={search}
        onNew={create}
        onRemove={remove}
        onShortcuts={() => setShortcuts(true)}
      />
      <section className="status" aria-label="Saving and connection">
        <SavedBadge status={status} />
        <Connection status={status} switchedOff={offline} />
        {settings.relays.length > 0 && (
          <OfflineSwitch
            off={offline}
            onChange={(off) => {
              notebook.doc.offline(off);
              setOffline(off);
            }}
          />
        )}
      </section>
      <header className="people-bar">
        <a className="button bare back" href={hashOf(null)}>
          <Icon name="back" />
          Notes
        </a>
        <People visitors={visitors} self={self} note={open} titleOf={titleOf} />
      </header>
      <main className="note-pane" ref={pane} tabIndex={-1}>
        {status.storage && (
          <TroubleBanner
            trouble={storageTrouble(status.storage)}
            onDismiss={status.storage.code === "STORE_CORRUPT" ? () => notebook.status.dismissStorage() : undefined}
          />
        )}
        {status.error && (
          <TroubleBanner trouble={relayTrouble(status.error)} onDismiss={() => notebook.status.dismissError()}>
            {wantsToken(status.error) && <LoginForm onToken={(token) => notebook.setToken(token)} />}
          </TroubleBanner>
        )}
        {open === null ? (
          <Welcome
            empty={notes.length === 0}
            shared={settings.relays.length > 0}
            onNew={create}
            onExample={createExample}
          />
        ) : (
          <NotePane key={open} notebook={notebook} id={open} listed={listed.has(open)} fresh={fresh === open} self={self} />
        )}
      </main>
      {removed && (
        <UndoToast
          title={removed.title || "Untitled"}
          onUndo={() => {
            notebook.putBack(removed.id);
            setRemoved(null);
          }}
          onDone={forgetRemoved}
        />
      )}
      {shortcuts && <ShortcutsDialog onClose={() => setShortcuts(false)} />}
    </div>
  );
}

/** Where only one pane is in view at a time, opening and leaving a note must not lose the focus with the other pane. */
function useFocusAcrossPanes(open: string | null, pane: { readonly current: HTMLElement | null }): void {
  const last = useRef(open);
  useEffect(() => {
    if (last.current === open) return;
    const left = last.current;
    last.current = open;
    if (isShown(document.activeElement) && document.activeElement !== document.body) return;
    if (open !== null) pane.current?.focus();
    else if (left !== null) focusInList(left);
  }, [open, pane]);
}

function leaveNote(open: string | null): void {
  if (open === null) return;
  if (!focusInList(open)) location.hash = hashOf(null);
}

/** Puts the focus on a note of the list; false where the list is not in view. */
function focusInList(id: string): boolean {
  const link = document.querySelector<HTMLElement>(`[data-note="${CSS.escape(id)}"]`);
  if (!link || !isShown(link)) return false;
  link.focus();
  return true;
}

function isShown(element: Element | null): boolean {
  return element !== null && element.getClientRects().length > 0;
}
