import { checkedCharacters, checkedCount, checkedText } from "./check.js";
import type { Handle, Mark, RawDocument } from "./core.js";
import { cursorBytes, cursorText, isRight } from "./cursor.js";
import { flatDelta, patchesOf } from "./delta.js";
import { DriftwoodError } from "./error.js";
import { putString, takeString } from "./hatch.js";
import { ContainerNode, type Detail } from "./node.js";
import type {
  Blame, DeltaInsert, DeltaOp, DocText, Expand, Origin, Range, Side, TextChange, TextPatch, Value, Write,
} from "./types.js";

const EXPANDS: readonly Expand[] = ["none", "before", "after", "both"];

const UNTOLD: Detail = {};

/** A text; its snapshot is a string. */
export class TextNode extends ContainerNode<string, TextChange> implements DocText {
  readonly kind = "text";
  #delta: readonly DeltaInsert[] | undefined;

  get length(): number {
    return this.ask((raw) => raw.textLength(this.handle));
  }

  insert(at: number, text: string): Write {
    return this.replace(at, 0, text);
  }

  delete(at: number, count: number): Write {
    return this.replace(at, count, "");
  }

  replace(at: number, count: number, text: string): Write {
    const patch: TextPatch = {
      at: checkedCount(at, "an offset"),
      deleted: checkedCount(count, "a count"),
      inserted: checkedText(text, "the text"),
    };
    return this.session.write(
      this,
      (raw) => replaceIn(raw, this.handle, patch),
      { patches: patch.deleted === 0 && text === "" ? [] : [patch] },
    );
  }

  erase(at: number, count: number): Write {
    const [offset, deleted] = [checkedCount(at, "an offset"), checkedCount(count, "a count")];
    return this.session.write(
      this,
      (raw) => raw.textErase(this.handle, offset, deleted),
      { patches: deleted === 0 ? [] : [{ at: offset, deleted, inserted: "" }] },
    );
  }

  mark(range: Range, name: string, value: Value, options?: { expand?: Expand }): Write;
  mark(start: number, end: number, name: string, value: Value, options?: { expand?: Expand }): Write;
  mark(...given: unknown[]): Write {
    const [start, end, name, value, options] = ranged(given);
    const expand = (options as { expand?: Expand } | undefined)?.expand;
    const number = expand === undefined ? undefined : EXPANDS.indexOf(expand);
    if (number === -1) throw new DriftwoodError("INVALID_ARGUMENT", "expand is none, before, after or both");
    return this.session.write(
      this,
      (raw) => raw.textMark(this.handle, start, end, checkedText(name, "a mark's name"), value, number),
      { patches: [] },
    );
  }

  unmark(range: Range, name: string): Write;
  unmark(start: number, end: number, name: string): Write;
  unmark(...given: unknown[]): Write {
    const [start, end, name] = ranged(given);
    return this.mark(start, end, name as string, null);
  }

  embed(at: number, value: { readonly [key: string]: Value }): Write {
    const offset = checkedCount(at, "an offset");
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array) {
      throw new DriftwoodError("INVALID_ARGUMENT", "an embed must be an object");
    }
    return this.session.write(
      this,
      (raw) => raw.textEmbed(this.handle, offset, value),
      { patches: [{ at: offset, deleted: 0, inserted: "\ufffc" }] },
    );
  }

  toDelta(): readonly DeltaInsert[] {
    this.#delta ??= this.ask((raw) => raw.textDelta(this.handle)) as readonly DeltaInsert[];
    return this.#delta;
  }

  applyDelta(ops: readonly DeltaOp[]): Write {
    const flat = flatDelta(ops);
    return this.session.write(this, (raw) => raw.textApplyDelta(this.handle, flat), { patches: patchesOf(ops) });
  }

  cursor(at: number, side: Side = "left"): string {
    const offset = checkedCount(at, "an offset");
    return cursorText(this.ask((raw) => raw.textCursor(this.handle, offset, isRight(side))));
  }

  resolve(cursor: string): number {
    return this.ask((raw) => raw.textResolve(this.handle, cursorBytes(cursor)));
  }

  blame(start = 0, end = this.length): Blame[] {
    const [from, to] = [checkedCount(start, "a range's start"), checkedCount(end, "a range's end")];
    const flat = this.ask((raw) => raw.textBlame(this.handle, from, to));
    const parts: Blame[] = [];
    for (let i = 0; i + 3 < flat.length; i += 4) {
      const [at, stop, replica, time] = flat.slice(i, i + 4) as [number, number, string, number];
      parts.push(Object.freeze({ start: at, end: stop, replica, time }));
    }
    return parts;
  }

  override toString(): string {
    return this.toJSON();
  }

  protected read(): string {
    return this.ask((raw) => raw.textString(this.handle));
  }

  protected note(): void {
    this.#delta = undefined;
  }

  protected noteChild(): void {}

  detail(raw: unknown): Detail {
    const flat = raw as (number | string)[];
    const patches: TextPatch[] = [];
    for (let i = 0; i + 2 < flat.length; i += 3) {
      patches.push({ at: flat[i] as number, deleted: flat[i + 1] as number, inserted: flat[i + 2] as string });
    }
    return { patches };
  }

  struck(at: number, deleted: number, inserted: number): Detail {
    // A text keeps nothing of it: where nobody is told, nobody asks.
    if (this.session.audience.size === 0) return UNTOLD;
    return { patches: [{ at, deleted, inserted: takeString(inserted) }] };
  }

  protected emptied(): Detail {
    const deleted = this.length;
    return { patches: deleted === 0 ? [] : [{ at: 0, deleted, inserted: "" }] };
  }

  protected change(origin: Origin, detail: Detail): TextChange {
    return { origin, patches: (detail.patches ?? []) as readonly TextPatch[] };
  }
}

function replaceIn(raw: RawDocument, handle: Handle, { at, deleted, inserted }: TextPatch): Mark {
  if (putString(inserted)) {
    const mark = raw.textReplaceShort(handle, at, deleted, inserted.length);
    if (mark >= 0) return mark;
  }
  // Also says why, where it is refused.
  return raw.textReplace(handle, at, deleted, checkedCharacters(inserted, "the text"));
}

/** Takes `{ start, end }, …` for `start, end, …`, and checks both. */
function ranged(given: unknown[]): [number, number, ...unknown[]] {
  const [first] = given;
  const [start, end, ...rest] =
    typeof first === "object" && first !== null
      ? [(first as Partial<Range>).start, (first as Partial<Range>).end, ...given.slice(1)]
      : given;
  return [checkedCount(start, "a range's start"), checkedCount(end, "a range's end"), ...rest];
}
