// Puts what wasm-pack built (wasm/pkg, optimised by `cargo xtask build`) beside the compiled facade.
import { copyFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const at = (path) => new URL(`../${path}`, import.meta.url);
const module = at("pkg/driftwood_wasm_bg.wasm");
await stat(module).catch(() => {
  throw new Error("wasm/pkg is missing: run `cargo xtask build`, which builds it first");
});
await copyFile(module, at("dist/core.wasm"));
await copyFile(at("pkg/driftwood_wasm.js"), at("dist/core.js"));
await copyFile(at("ts/core.d.ts"), at("dist/core.d.ts"));

// The comments are in the declarations, where editors look for them: browsers need not load them as well.
const comment = /^[ \t]*(?:\/\*\*[^]*?\*\/|\/\/.*)\n/gm;
for (const name of await readdir(at("dist"))) {
  if (!name.endsWith(".js")) continue;
  const file = at(`dist/${name}`);
  await writeFile(file, (await readFile(file, "utf8")).replace(comment, ""));
}
const size = gzipSync(await readFile(at("dist/core.wasm")), { level: 9 }).length;
console.log(`driftwood-sync: core.wasm is ${(size / 1024).toFixed(1)} KiB gzipped`);
