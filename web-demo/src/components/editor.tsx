import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, keymap, placeholder } from "@codemirror/view";
import { useEffect, useRef } from "react";
import type { Doc } from "driftwood-sync";
import { driftwood } from "../driftwood-codemirror";
import type { Identity } from "../identity";
import { markdown } from "../markdown";
import { cursorsOf, notePresence } from "../presence";
import { remoteCursors, showCursors } from "../remote-cursors";

/** Cursors are sent at most this often. */
const PRESENCE_DELAY_MS = 50;

/** The text of a note, shared as it is typed, with the cursors of the others. */
export function Editor({ doc, self }: { doc: Doc; self: Identity }) {
  const place = useRef<HTMLDivElement>(null);
  const identity = useRef(self);
  const announce = useRef<(() => void) | null>(null);

  useEffect(() => {
    identity.current = self;
    announce.current?.();
  }, [self]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    let entered = false;
    const send = (): void => {
      timer = null;
      const { anchor, head } = view.state.selection.main;
      doc.presence.set(notePresence(identity.current, entered ? { anchor, head } : null));
    };
    const sendSoon = (): void => {
      timer ??= setTimeout(send, PRESENCE_DELAY_MS);
    };
    const view = new EditorView({
      parent: place.current!,
      state: EditorState.create({
        doc: doc.text("body").toString(),
        extensions: [
          driftwood({ text: doc.text("body"), transact: (fn) => doc.transact(fn) }),
          remoteCursors(),
          history(),
          drawSelection(),
          markdown(),
          EditorView.lineWrapping,
          keymap.of([...defaultKeymap, ...historyKeymap]),
          placeholder("Write here. Everyone in this note sees it as you type."),
          EditorView.contentAttributes.of({ "aria-label": "Text", spellcheck: "true", autocapitalize: "sentences" }),
          EditorView.updateListener.of((update) => {
            if (update.focusChanged && update.view.hasFocus) entered = true;
            if (update.focusChanged || update.selectionSet || update.docChanged) sendSoon();
          }),
        ],
      }),
    });
    const showOthers = (): void => view.dispatch({ effects: showCursors(cursorsOf(doc.presence.others)) });
    const stop = doc.on("presence", showOthers);
    announce.current = sendSoon;
    send();
    showOthers();
    return () => {
      announce.current = null;
      stop();
      if (timer !== null) clearTimeout(timer);
      doc.presence.set(null);
      view.destroy();
    };
  }, [doc]);

  return <div className="editor" ref={place} />;
}
