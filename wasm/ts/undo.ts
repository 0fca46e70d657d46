import type { RawDocument } from "./core.js";
import { Listeners } from "./emitter.js";
import { DriftwoodError } from "./error.js";
import { ContainerNode } from "./node.js";
import type { Session } from "./session.js";
import type { UndoManager, UndoOptions, UndoState, Unsubscribe, Value } from "./types.js";

/** Undo and redo of what was written through one handle of a document. */
export class UndoFace implements UndoManager {
  readonly #number: number;
  readonly #listeners = new Listeners<[UndoState]>();
  readonly #onPop: UndoOptions["onPop"];
  readonly #forget: Unsubscribe;
  #told: UndoState;
  #open = true;

  constructor(
    private readonly session: Session,
    { scope, groupMs = 500, depth = 100, onPop }: UndoOptions,
  ) {
    const scopes = scope === undefined ? [] : Array.isArray(scope) ? scope : [scope];
    const handles = scopes.map((container: unknown) => {
      if (container instanceof ContainerNode && container.session === session) return container.handle;
      throw new DriftwoodError("INVALID_ARGUMENT", "a scope is a container of this document");
    });
    if (scope !== undefined && handles.length === 0) throw new DriftwoodError("INVALID_ARGUMENT", "the scope is empty");
    if (!(groupMs >= 0)) throw new DriftwoodError("INVALID_ARGUMENT", "groupMs is a number of milliseconds from 0");
    if (!Number.isInteger(depth) || depth < 1) throw new DriftwoodError("INVALID_ARGUMENT", "depth is a number from 1");
    this.#onPop = onPop;
    this.#number = session.demand((raw) => raw.undoOpen(Uint32Array.from(handles), groupMs, depth));
    session.recorders += 1;
    this.#told = this.#state();
    this.#forget = session.written.add(() => this.#look());
  }

  get canUndo(): boolean {
    return this.#state().canUndo;
  }

  get canRedo(): boolean {
    return this.#state().canRedo;
  }

  #state(): UndoState {
    const [canUndo, canRedo] = this.session.ask((raw) => raw.undoState(this.#number));
    return Object.freeze({ canUndo, canRedo });
  }

  /** Tells whether there is something to undo and redo, where that changed. */
  #look(): void {
    const state = this.#state();
    if (state.canUndo === this.#told.canUndo && state.canRedo === this.#told.canRedo) return;
    this.#told = state;
    this.#listeners.call(state);
  }

  undo(): boolean {
    return this.#step("undo", (raw) => raw.undoUndo(this.#number));
  }

  redo(): boolean {
    return this.#step("redo", (raw) => raw.undoRedo(this.#number));
  }

  #step(type: "undo" | "redo", call: (raw: RawDocument) => [string, unknown[]] | undefined): boolean {
    const done = this.session.demand(call);
    if (done !== undefined) {
      const [data, changes] = done;
      this.session.take("local", changes);
      this.session.settle();
      this.#onPop?.(data === "" ? undefined : (JSON.parse(data) as Value), type);
    }
    this.#look();
    return done !== undefined;
  }

  attach(data: Value): void {
    const json = JSON.stringify(data) as string | undefined;
    if (json === undefined) throw new DriftwoodError("INVALID_VALUE", "what is attached must be plain JSON");
    this.session.demand((raw) => raw.undoAttach(this.#number, json));
  }

  stopGrouping(): void {
    this.session.demand((raw) => raw.undoStop(this.#number));
  }

  clear(): void {
    this.session.demand((raw) => raw.undoClear(this.#number));
    this.#look();
  }

  on(event: "change", fn: (state: UndoState) => void): Unsubscribe {
    if (event !== "change") throw new DriftwoodError("INVALID_ARGUMENT", `there is no event "${String(event)}"`);
    return this.#listeners.add(fn);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.session.recorders -= 1;
    this.#forget();
    this.session.ask((raw) => raw.undoClose(this.#number));
  }
}
