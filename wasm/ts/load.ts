import init, { onPanic, type Source } from "./core.js";
import { asDriftwoodError, DriftwoodError } from "./error.js";
import { openHatch } from "./hatch.js";

/** How a host gets at `core.wasm`. */
export type Locate = () => Source | Promise<Source>;

let loading: Promise<void> | undefined;
/** Why nothing in the module can be called any more. */
let poison: DriftwoodError | undefined;
const watchers = new Set<(error: DriftwoodError) => void>();

/** Loads the WebAssembly once; a failed attempt can be repeated. */
export function load(locate: Locate, source: Source | undefined): Promise<void> {
  loading ??= instantiate(locate, source).catch((error: unknown) => {
    loading = undefined;
    throw new DriftwoodError("LOAD_FAILED", "the WebAssembly of driftwood-sync could not be loaded", { cause: error });
  });
  return loading;
}

async function instantiate(locate: Locate, source: Source | undefined): Promise<void> {
  const { memory } = await init({ module_or_path: source ?? (await locate()) });
  openHatch(memory);
  onPanic((message) => poisonWith(message));
}

function poisonWith(message: string): DriftwoodError {
  if (poison === undefined) {
    poison = new DriftwoodError("PANIC", `driftwood-sync has failed; reload the page to go on (${message})`);
    for (const watcher of watchers) watcher(poison);
    watchers.clear();
  }
  return poison;
}

/** Tells `watcher` when the module panics. Returns how to stop. */
export function onPoison(watcher: (error: DriftwoodError) => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Makes a call into the module; what it throws is a {@link DriftwoodError}. */
export function guarded<T, A>(call: (on: A) => T, on: A): T {
  if (poison !== undefined) throw poison;
  try {
    return call(on);
  } catch (error) {
    throw fromModule(error);
  }
}

/** The same for a call that answers later. */
export async function guardedAsync<T>(call: () => Promise<T>): Promise<T> {
  if (poison !== undefined) throw poison;
  try {
    return await call();
  } catch (error) {
    throw fromModule(error);
  }
}

function fromModule(error: unknown): DriftwoodError {
  // After a trap the module's memory cannot be trusted, and its borrow flags are stuck.
  if (error instanceof WebAssembly.RuntimeError) return poison ?? poisonWith(error.message);
  return asDriftwoodError(error);
}
