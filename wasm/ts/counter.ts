import { DriftwoodError } from "./error.js";
import { ContainerNode, type Detail } from "./node.js";
import type { Change, DocCounter, Origin, Write } from "./types.js";

/** A counter; its snapshot is a number. */
export class CounterNode extends ContainerNode<number, Change> implements DocCounter {
  readonly kind = "counter";

  get value(): number {
    return this.toJSON();
  }

  add(n = 1): Write {
    if (!Number.isSafeInteger(n)) throw new DriftwoodError("INVALID_ARGUMENT", "a counter adds whole numbers");
    return this.session.write(this, (raw) => raw.counterAdd(this.handle, n), {});
  }

  protected read(): number {
    return this.ask((raw) => raw.counterValue(this.handle));
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
