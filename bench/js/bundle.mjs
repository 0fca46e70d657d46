/** Bundles an engine as a page would have it, with the project's vite. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";

const here = (file) => new URL(file, import.meta.url).pathname;

/** Where a page finds what is not the same in Node. */
const ALIASES = [{ find: /^@automerge\/automerge$/, replacement: here("node_modules/@automerge/automerge/dist/mjs/entrypoints/slim.js") }];

/** A module that gives an engine, its wasm loaded. */
export function entryOf(engine) {
  const contender = JSON.stringify(here(`contenders/${engine}.mjs`));
  if (engine !== "automerge") return `export const load = () => import(${contender});`;
  return `
    import wasm from ${JSON.stringify(`${here("node_modules/@automerge/automerge/dist/automerge.wasm")}?url`)};
    import * as A from "@automerge/automerge";
    export const load = async () => { await A.initializeWasm(fetch(wasm)); return import(${contender}); };`;
}

/** Builds a page whose script is `main`, with `./engine.js` being that of the engine; gives its folder. */
export async function bundle(engine, engineSource, folder, main = `import { load } from "./engine.js"; load();`) {
  const source = join(here("node_modules/.pages"), engine);
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, "engine.js"), engineSource);
  writeFileSync(join(source, "main.js"), main);
  writeFileSync(join(source, "index.html"), `<!doctype html><script type="module" src="./main.js"></script>`);
  await build({
    root: source,
    base: "./",
    logLevel: "error",
    configFile: false,
    resolve: { alias: ALIASES },
    build: { outDir: folder, emptyOutDir: true, target: "esnext", assetsInlineLimit: 0, modulePreload: false },
  });
  return folder;
}

/** The files of a package that runs in Node only. */
export function nodeOnly(folder, files) {
  mkdirSync(folder, { recursive: true });
  for (const file of files) cpSync(here(`node_modules/${file}`), join(folder, file.split("/").at(-1)));
  return folder;
}
