import { checkedCount, checkedText } from "./check.js";
import { ContainerNode, type Detail } from "./node.js";
import type { DocText, Origin, TextChange, TextPatch, Write } from "./types.js";

/** A text; its snapshot is a string. */
export class TextNode extends ContainerNode<string, TextChange> implements DocText {
  readonly kind = "text";

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
      (raw) => raw.textReplace(this.handle, patch.at, patch.deleted, patch.inserted),
      { patches: patch.deleted === 0 && text === "" ? [] : [patch] },
    );
  }

  override toString(): string {
    return this.toJSON();
  }

  protected read(): string {
    return this.ask((raw) => raw.textString(this.handle));
  }

  protected note(): void {}
  protected noteChild(): void {}

  detail(raw: unknown): Detail {
    const flat = raw as (number | string)[];
    const patches: TextPatch[] = [];
    for (let i = 0; i + 2 < flat.length; i += 3) {
      patches.push({ at: flat[i] as number, deleted: flat[i + 1] as number, inserted: flat[i + 2] as string });
    }
    return { patches };
  }

  protected emptied(): Detail {
    const deleted = this.length;
    return { patches: deleted === 0 ? [] : [{ at: 0, deleted, inserted: "" }] };
  }

  protected change(origin: Origin, detail: Detail): TextChange {
    return { origin, patches: (detail.patches ?? []) as readonly TextPatch[] };
  }
}
