/** One bench of one engine in a process of its own: `node --expose-gc one.mjs ENGINE BENCH N CAP_S TRACE [SAVED]`. */
import { readFileSync, writeFileSync } from "node:fs";
import { readTrace } from "./trace.mjs";

const [engineName, benchName, n, seconds, traceFile, savedFile] = process.argv.slice(2);

/** CPU milliseconds of the process, its helper threads included. */
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

async function timed(work) {
  globalThis.gc();
  const started = cpu();
  const made = work();
  // What an engine has put off until the task is over belongs to it.
  await new Promise((resolve) => setImmediate(resolve));
  return { ms: cpu() - started, made };
}

const host = {
  n: Number(n),
  timed,
  trace: readTrace(traceFile),
  cap: () => {
    const until = cpu() + Number(seconds) * 1000;
    return { seconds: Number(seconds), isOver: () => cpu() > until };
  },
  memory: () => {
    for (let time = 0; time < 3; time++) globalThis.gc();
    return process.memoryUsage.rss();
  },
};

async function startUp() {
  const empty = cpu();
  const engine = await import(`./contenders/${engineName}.mjs`);
  await engine.prepare?.(1);
  const copy = engine.create(3_000_000_007, () => {});
  copy.insert(0, "x");
  return { "import + first edit (ms)": cpu() - empty };
}

async function run() {
  if (benchName === "start-up") return startUp();
  const { benches } = await import("./benches.mjs");
  const bench = benches[benchName];
  const engine = await import(`./contenders/${engineName}.mjs`);
  if (bench.needsSaved) host.saved = readFileSync(savedFile);
  return bench.run(host, engine, bench);
}

/** What later processes load. */
async function makeSaved() {
  const engine = await import(`./contenders/${engineName}.mjs`);
  await engine.prepare?.(1);
  const copy = engine.create(3_000_000_007);
  for (const [at, deleted, inserted] of host.trace.patches) {
    if (deleted > 0) copy.delete(at, deleted);
    if (inserted) copy.insert(at, inserted);
  }
  writeFileSync(savedFile, copy.save());
  return {};
}

const result = await (benchName === "make-saved" ? makeSaved() : run());
process.stdout.write(`\n${JSON.stringify(result)}\n`);
process.exit(0);
