/**
 * Binds a Driftwood text to a CodeMirror 6 editor.
 *
 * Both sides count UTF-16 code units, so a patch is a change and a change is a patch. The rule it keeps: at the end of
 * every transaction the editor's document equals the shared text. What the editor does is written to the text within
 * the same update; what others do arrives as one transaction that is marked, and so is never written back.
 */
import { Annotation, ChangeSet, EditorState, Transaction } from "@codemirror/state";
import type { Extension } from "@codemirror/state";
import { EditorView, ViewPlugin } from "@codemirror/view";
import type { ViewUpdate } from "@codemirror/view";

/** A change of the text: at `at`, `deleted` UTF-16 code units go and `inserted` comes. */
export interface Patch {
  readonly at: number;
  readonly deleted: number;
  readonly inserted: string;
}

/** As much of a Driftwood text as the binding uses. */
export interface SharedText {
  readonly length: number;
  replace(at: number, deleted: number, inserted: string): unknown;
  toString(): string;
  subscribe(fn: (text: string, change: TextChange) => void): () => void;
}

/** What a Driftwood text tells its subscribers. */
export interface TextChange {
  readonly origin: "local" | "remote";
  readonly patches: readonly Patch[];
}

/** Options of the binding. */
export interface BindingOptions {
  text: SharedText;
  /** Runs the writes of one editor transaction as one change. */
  transact: (fn: () => void) => void;
  /** Told when the text refused an edit; the editor has gone back to the shared text by then. */
  onRefused?: (error: unknown) => void;
}

/** Marks a transaction that came from the shared text. */
const fromText = Annotation.define<boolean>();

// Text made elsewhere may hold "\r\n"; with a fixed separator the "\r" stays an ordinary character of the document,
// and offsets agree. What is pasted here gets plain line ends.
const plainLineEnds: Extension = [
  EditorState.lineSeparator.of("\n"),
  EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?/g, "\n")),
];

/** The extension that keeps an editor, started with `text.toString()`, equal to the shared text. */
export function driftwood(options: BindingOptions): Extension {
  return [plainLineEnds, ViewPlugin.define((view) => new Binding(view, options))];
}

/** Whether a transaction came from the shared text rather than from this editor. */
export function isFromText(transaction: Transaction): boolean {
  return transaction.annotation(fromText) === true;
}

class Binding {
  private readonly stop: () => void;
  private writing = false;

  constructor(
    private readonly view: EditorView,
    private readonly options: BindingOptions,
  ) {
    this.stop = options.text.subscribe((_, change) => this.receive(change));
  }

  update(update: ViewUpdate): void {
    for (const transaction of update.transactions) {
      if (transaction.docChanged && !isFromText(transaction)) this.write(transaction.changes);
    }
  }

  destroy(): void {
    this.stop();
  }

  private write(changes: ChangeSet): void {
    const { text, transact, onRefused } = this.options;
    this.writing = true;
    try {
      transact(() => {
        // In order, each at its place in the new document: everything before it has been written already.
        changes.iterChanges((fromOld, toOld, fromNew, _toNew, inserted) => {
          text.replace(fromNew, toOld - fromOld, inserted.toString());
        });
      });
    } catch (error) {
      this.restoreSoon();
      onRefused?.(error);
    } finally {
      this.writing = false;
    }
  }

  private receive({ origin, patches }: TextChange): void {
    if (!this.writing) {
      if (patches.length > 0) this.dispatch(toChangeSet(patches, this.view.state.doc.length));
    } else if (origin === "remote") {
      // Something from elsewhere came in just before what is being written: the offsets were meant for a text without it.
      this.restoreSoon();
    }
  }

  /** Puts the shared text back into the editor, once the update that is going on has ended. */
  private restoreSoon(): void {
    queueMicrotask(() => {
      const { doc } = this.view.state;
      const text = this.options.text.toString();
      if (doc.toString() === text) return;
      this.dispatch(toChangeSet([{ at: 0, deleted: doc.length, inserted: text }], doc.length));
    });
  }

  private dispatch(changes: ChangeSet): void {
    this.view.dispatch({
      changes,
      annotations: [fromText.of(true), Transaction.addToHistory.of(false), Transaction.remote.of(true)],
      // What others wrote is a fact; no filter may hold it back.
      filter: false,
    });
  }
}

/**
 * One change set that does what the patches do one after the other.
 *
 * Neighbours are composed pair by pair: for n patches that costs O(n log n), where one by one would cost O(n²).
 */
export function toChangeSet(patches: readonly Patch[], length: number): ChangeSet {
  let before = length;
  let sets = patches.map(({ at, deleted, inserted }) => {
    const set = ChangeSet.of({ from: at, to: at + deleted, insert: inserted }, before, "\n");
    before = set.newLength;
    return set;
  });
  while (sets.length > 1) {
    const pairs: ChangeSet[] = [];
    for (let i = 0; i < sets.length; i += 2) {
      const [first, second] = [sets[i]!, sets[i + 1]];
      pairs.push(second ? first.compose(second) : first);
    }
    sets = pairs;
  }
  return sets[0] ?? ChangeSet.empty(length);
}
