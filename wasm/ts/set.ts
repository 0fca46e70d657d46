import { ContainerNode, type Detail } from "./node.js";
import type { Change, DocSet, Origin, Value, Write } from "./types.js";

/** A set of values; its snapshot is an array. */
export class SetNode extends ContainerNode<readonly Value[], Change> implements DocSet {
  readonly kind = "set";

  get size(): number {
    return this.values().length;
  }

  add(value: Value): Write {
    return this.session.write(this, (raw) => raw.setAdd(this.handle, value), {});
  }

  delete(value: Value): Write {
    return this.session.write(this, (raw) => raw.setDelete(this.handle, value), {});
  }

  erase(value: Value): Write {
    return this.session.write(this, (raw) => raw.setErase(this.handle, value), {});
  }

  has(value: Value): boolean {
    return this.ask((raw) => raw.setHas(this.handle, value));
  }

  values(): readonly Value[] {
    return this.toJSON();
  }

  protected read(): readonly Value[] {
    return Object.freeze(this.ask((raw) => raw.setValues(this.handle)) as Value[]);
  }

  protected note(): void {}
  protected noteChild(): void {}
  detail(): Detail { return {}; }
  struck(): Detail { return {}; }
  protected emptied(): Detail { return {}; }

  protected change(origin: Origin): Change {
    return { origin };
  }
}
