/**
 * Shows where other people are in a CodeMirror editor: a caret with a name, and what they have selected.
 *
 * The places come as offsets with some delay; between two messages they are carried along through the changes of the
 * document, so that a cursor stays beside the words it was beside.
 */
import { EditorSelection, StateEffect, StateField } from "@codemirror/state";
import type { ChangeDesc, Extension, Range } from "@codemirror/state";
import { Decoration, EditorView, RectangleMarker, layer } from "@codemirror/view";
import type { DecorationSet, LayerMarker } from "@codemirror/view";

/** Where another person is. Offsets are UTF-16 code units. */
export interface RemoteCursor {
  /** Which browser tab or terminal it belongs to. */
  readonly peer: string;
  readonly name: string;
  /** A CSS colour that white text can be read on. */
  readonly colour: string;
  readonly anchor: number;
  readonly head: number;
}

interface Placed extends RemoteCursor {
  /** Goes up when the person moves, so that the name shows again. */
  readonly moves: number;
}

const placeAll = StateEffect.define<readonly RemoteCursor[]>();

/** The effect that replaces all the cursors shown. */
export function showCursors(cursors: readonly RemoteCursor[]): StateEffect<readonly RemoteCursor[]> {
  return placeAll.of(cursors);
}

/** The extension that draws them. */
export function remoteCursors(): Extension {
  return [field, EditorView.decorations.from(field, selections), carets];
}

const field = StateField.define<readonly Placed[]>({
  create: () => [],
  update(placed, transaction) {
    let now = transaction.docChanged ? placed.map((cursor) => carry(cursor, transaction.changes)) : placed;
    for (const effect of transaction.effects) {
      if (effect.is(placeAll)) now = place(effect.value, now, transaction.newDoc.length);
    }
    return now;
  },
});

function carry(cursor: Placed, changes: ChangeDesc): Placed {
  // Whoever types at another one's caret leaves it behind: it stays before the new text.
  return { ...cursor, anchor: changes.mapPos(cursor.anchor, -1), head: changes.mapPos(cursor.head, -1) };
}

function place(cursors: readonly RemoteCursor[], before: readonly Placed[], length: number): readonly Placed[] {
  return cursors.map((cursor) => {
    const anchor = Math.min(cursor.anchor, length);
    const head = Math.min(cursor.head, length);
    const last = before.find(({ peer }) => peer === cursor.peer);
    const moved = last?.head !== head || last.anchor !== anchor;
    return { ...cursor, anchor, head, moves: (last?.moves ?? 0) + (moved ? 1 : 0) };
  });
}

function selections(placed: readonly Placed[]): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  for (const { anchor, head, colour } of placed) {
    if (anchor === head) continue;
    const attributes = { style: `--person: ${colour}` };
    const mark = Decoration.mark({ class: "cm-remote-selection", attributes });
    ranges.push(mark.range(Math.min(anchor, head), Math.max(anchor, head)));
  }
  return Decoration.set(ranges, true);
}

// Carets float above the text: one inside a word must not become a place where the line may break.
const carets = layer({
  above: true,
  class: "cm-remote-carets",
  markers: (view) => view.state.field(field).flatMap((cursor) => Caret.at(view, cursor)),
  update: (update) => update.docChanged || update.startState.field(field) !== update.state.field(field),
});

/** Where a name is written to the left of its caret, because there is no room on the right. */
const NAME_WIDTH_MAX = 140;

class Caret implements LayerMarker {
  private constructor(
    private readonly cursor: Placed,
    private readonly left: number,
    private readonly top: number,
    private readonly height: number,
    private readonly flipped: boolean,
  ) {}

  static at(view: EditorView, cursor: Placed): Caret[] {
    // The rectangle is empty where the place is scrolled far out of view.
    return RectangleMarker.forRange(view, "", EditorSelection.cursor(cursor.head)).map(
      ({ left, top, height }) =>
        new Caret(cursor, left, top, height, left > view.contentDOM.clientWidth - NAME_WIDTH_MAX),
    );
  }

  eq(other: Caret): boolean {
    return this.sameName(other) && this.left === other.left && this.top === other.top && this.height === other.height;
  }

  draw(): HTMLElement {
    const caret = document.createElement("div");
    caret.className = "cm-remote-caret";
    const name = document.createElement("span");
    name.className = "cm-remote-name";
    name.textContent = this.cursor.name;
    caret.append(name);
    this.move(caret);
    return caret;
  }

  // A caret that was only carried along keeps its element, and a name that has faded does not show up again.
  update(caret: HTMLElement, last: Caret): boolean {
    if (!this.sameName(last)) return false;
    this.move(caret);
    return true;
  }

  private sameName({ cursor }: Caret): boolean {
    const own = this.cursor;
    return (
      own.peer === cursor.peer && own.name === cursor.name && own.colour === cursor.colour && own.moves === cursor.moves
    );
  }

  private move({ style, classList }: HTMLElement): void {
    style.setProperty("--person", this.cursor.colour);
    style.left = `${this.left}px`;
    style.top = `${this.top}px`;
    style.height = `${this.height}px`;
    classList.toggle("flipped", this.flipped);
  }
}
