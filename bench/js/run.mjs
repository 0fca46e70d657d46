/**
 * Driftwood's npm package beside its peers: `node run.mjs [--quick] [--only NAME]… [--traces DIR] [--results FILE]`.
 * A process for each engine and bench, taking turns; medians.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { benches } from "./benches.mjs";
import { runInBrowser } from "./browser.mjs";
import { bundles } from "./bundles.mjs";
import { summary, table } from "./table.mjs";

const run = promisify(execFile);
const here = (file) => new URL(file, import.meta.url).pathname;
const { values: args } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    traces: { type: "string" },
    results: { type: "string" },
  },
});

const all = ["driftwood", "yjs", "ywasm", "loro", "automerge", "json-joy"];
const named = all.filter((engine) => args.only.some((part) => engine.includes(part)));
const engines = named.length > 0 ? named : all;
const filters = args.only.filter((part) => !all.some((engine) => engine.includes(part)));
const wants = (bench) => filters.length === 0 || filters.some((part) => bench.includes(part));

const rounds = args.quick ? 1 : 2;
const n = args.quick ? 600 : 6000;
const seconds = args.quick ? 2 : 12;
const file = args.quick ? "sveltecomponent" : "automerge-paper";
const traceFile = args.traces === undefined ? "-" : join(args.traces, `${file}.json.gz`);
const trace = existsSync(traceFile) ? traceFile : "-";
const folder = mkdtempSync(join(tmpdir(), "driftwood-bench-"));

/** One bench of one engine, in a process of its own. What fails says so in its cells. */
async function once(engine, bench) {
  const saved = join(folder, `${engine}.saved`);
  const argv = ["--expose-gc", "--max-old-space-size=4096", here("one.mjs"), engine, bench, n, seconds, trace, saved];
  try {
    const { stdout } = await run(process.execPath, argv.map(String), { timeout: 20 * seconds * 1000, maxBuffer: 1 << 24 });
    return JSON.parse(stdout.trim().split("\n").at(-1));
  } catch (error) {
    console.error(`${engine}, ${bench}: ${String(error.stderr || error.message).trim().split("\n").slice(0, 6).join(": ")}`);
    return error.killed ? { time: "not finished" } : {};
  }
}

async function inTurns(bench) {
  const results = {};
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      const slow = Object.values(results[engine] ?? {}).some(([first]) => typeof first === "string");
      if (slow) continue;
      for (const [row, value] of Object.entries(await once(engine, bench))) {
        ((results[engine] ??= {})[row] ??= []).push(value);
      }
    }
  }
  return results;
}

function machine() {
  const [{ model }] = cpus();
  const lock = JSON.parse(readFileSync(here("package-lock.json"), "utf8")).packages;
  const versions = Object.keys(lock[""].dependencies).map((name) => `${name} ${lock[`node_modules/${name}`].version}`);
  const traceShown = trace === "-" ? "made-up typing" : file;
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${model}), Node ${process.version}; N = ${n}, trace: ${traceShown}.`,
    `Load average ${loadBefore} before, ${loadavg()[0].toFixed(2)} after; took ${Math.round(process.uptime())} s.`,
    `\nVersions: ${versions.join(", ")}.`,
  ].join("\n");
}

const loadBefore = loadavg()[0].toFixed(2);
const tables = [];
const show = (made) => {
  console.log(made.markdown);
  tables.push(made);
};

try {
  for (const bench of ["start-up", ...Object.keys(benches)].filter(wants)) {
    if (benches[bench]?.needsSaved) for (const engine of engines) await once(engine, "make-saved");
    show(table(bench, engines, await inTurns(bench)));
  }
  if (wants("bundle")) show(table("bundle for a browser", engines, await bundles(engines, folder)));
  if (wants("Chromium")) for (const made of await runInBrowser({ engines, folder, trace, n, seconds, rounds, quick: args.quick })) show(made);
} finally {
  rmSync(folder, { recursive: true });
}

const closing = summary(tables);
console.log(closing);
if (args.results !== undefined && !args.quick && args.only.length === 0) {
  const notes = readFileSync(here("NOTES.md"), "utf8");
  const parts = ["# Results of `cargo xtask bench js`", "", machine(), "", notes, closing, ...tables.map(({ markdown }) => markdown)];
  writeFileSync(args.results, parts.join("\n"));
}
