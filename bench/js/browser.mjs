/** The benches in headless Chromium: a page of its own for each engine and bench, taking turns. Wall time. */
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { benches } from "./benches.mjs";
import { bundle, entryOf } from "./bundle.mjs";
import { table } from "./table.mjs";
import { readTrace } from "./trace.mjs";

const here = (file) => new URL(file, import.meta.url).pathname;

const MAIN = `
import { benches } from ${JSON.stringify(here("benches.mjs"))};
import { load } from "./engine.js";

globalThis.runBench = async (name, n, seconds, trace) => {
  const now = () => performance.now();
  const timed = async (work) => {
    const started = now();
    const made = work();
    await new Promise((resolve) => setTimeout(resolve));
    return { ms: now() - started, made };
  };
  const cap = () => {
    const until = now() + seconds * 1000;
    return { seconds, isOver: () => now() > until };
  };
  const bench = benches[name];
  return bench.run({ n, timed, cap, trace }, await load(), bench);
};`;

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** Serves a folder on a free port. */
function serve(folder) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    try {
      const body = readFileSync(join(folder, path.endsWith("/") ? `${path}index.html` : path));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/html" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const findChromium = () => process.env.CHROMIUM_PATH || execFileSync("which", ["chromium"], { encoding: "utf8" }).trim();

/** What fails says so in its cells. */
async function once(browser, address, bench, n, seconds, trace) {
  const page = await browser.newPage();
  page.setDefaultTimeout(20 * seconds * 1000);
  try {
    await page.goto(address);
    await page.waitForFunction("globalThis.runBench !== undefined");
    return await page.evaluate(([bench, ...rest]) => globalThis.runBench(bench, ...rest), [bench, n, seconds, trace]);
  } catch (error) {
    console.error(`Chromium, ${address}, ${bench}: ${error.message.split("\n")[0]}`);
    return {};
  } finally {
    await page.close();
  }
}

/** Tables of all benches that a page can run. */
export async function runInBrowser({ engines, folder, trace: traceFile, n, seconds, rounds, quick }) {
  const trace = readTrace(traceFile);
  const chosen = Object.keys(benches).filter((name) => !benches[name].needsSaved && !(quick && name.includes("ten times")));
  // ywasm's package is for Node only.
  const inPage = engines.filter((engine) => engine !== "ywasm");
  const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"];
  const browser = await chromium.launch({ executablePath: findChromium(), args });
  const servers = [];
  const tables = [];
  try {
    const addresses = {};
    for (const engine of inPage) {
      const built = await bundle(engine, entryOf(engine), join(folder, `page-${engine}`), MAIN);
      const server = await serve(built);
      servers.push(server);
      addresses[engine] = `http://127.0.0.1:${server.address().port}/`;
    }
    for (const bench of chosen) {
      const results = {};
      for (let round = 0; round < rounds; round++) {
        for (const engine of inPage) {
          const found = await once(browser, addresses[engine], bench, n, seconds, trace);
          for (const [row, value] of Object.entries(found)) ((results[engine] ??= {})[row] ??= []).push(value);
        }
      }
      tables.push(table(`Chromium: ${bench}`, inPage, results));
    }
  } finally {
    await browser.close();
    servers.forEach((server) => server.close());
  }
  return tables;
}
