import type { Container, Unsubscribe, Value } from "./types.js";

/** What {@link UndoManager} has to offer. */
export interface UndoState {
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

/** How to make an {@link UndoManager}. */
export interface UndoOptions {
  /** What it is for: these containers and what is in them. The whole document, if not given. */
  readonly scope?: Container | readonly Container[];
  /** Writes that follow each other within so many milliseconds (500) are one step. A transaction always is one. */
  readonly groupMs?: number;
  /** How many steps are kept (100); the oldest go first. */
  readonly depth?: number;
  /** Called after an undo or redo with what was attached before the step, the caret say. */
  readonly onPop?: (data: Value | undefined, type: "undo" | "redo") => void;
}

/**
 * Undo and redo of what was written here, and by nobody else: what others wrote meanwhile stays, and a key that
 * somebody else has written to since is left alone.
 *
 * ```js
 * const undo = doc.undoManager({ scope: doc.text("body") });
 * doc.text("body").insert(0, "Hello");
 * undo.undo(); // true
 * undo.on("change", ({ canUndo, canRedo }) => paintButtons(canUndo, canRedo));
 * ```
 */
export interface UndoManager extends UndoState {
  /** Takes the last step back; whether there was one of which anything was left. */
  undo(): boolean;
  /** Does again what was undone last; whether there was anything. A new write forgets what could be redone. */
  redo(): boolean;
  /** Forgets all steps. */
  clear(): void;
  /** The next write begins a new step, however soon it comes. */
  stopGrouping(): void;
  /** What `onPop` is to get when the next step is undone; it holds until it is said anew. Plain JSON. */
  attach(data: Value): void;
  /** Listens to `canUndo` and `canRedo`. */
  on(event: "change", fn: (state: UndoState) => void): Unsubscribe;
  /** Ends it: its containers may have another. */
  close(): void;
}
