/** What a browser has to load of each engine: minified JavaScript and wasm, gzipped. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bundle, entryOf, nodeOnly } from "./bundle.mjs";

/** Sizes by engine and row. */
export async function bundles(engines, folder) {
  const results = {};
  for (const engine of engines) {
    try {
      const into = join(folder, `size-${engine}`);
      // ywasm's package is for Node; it is taken as it is.
      const out = engine === "ywasm"
        ? nodeOnly(into, ["ywasm/ywasm.js", "ywasm/ywasm_bg.wasm"])
        : await bundle(engine, entryOf(engine), into);
      const files = readdirSync(out, { recursive: true }).filter((name) => /\.(js|wasm)$/.test(name));
      const sizes = files.map((name) => gzipSync(readFileSync(join(out, name)), { level: 9 }).length);
      results[engine] = { "JS + wasm, gzip (bytes)": [sizes.reduce((sum, size) => sum + size, 0)] };
    } catch (error) {
      console.error(`${engine} cannot be bundled: ${error.message.split("\n")[0]}`);
    }
  }
  return results;
}
