/** Serves the built page on a free port for the whole run, as `npm run preview` does. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { preview } from "vite";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Starts a server for the built page; `close` ends it. */
export async function servePage(port = 0): Promise<{ url: string; close: () => Promise<void> }> {
  const server = await preview({ root, logLevel: "error", preview: { host: "localhost", port, strictPort: port !== 0 } });
  const url = server.resolvedUrls?.local[0];
  if (!url) throw new Error("The page's server has no address.");
  return { url, close: () => server.close() };
}

export default async function serveForTests(): Promise<() => Promise<void>> {
  if (!existsSync(`${root}/dist/index.html`)) throw new Error("Build the page first: npm run build");
  const { url, close } = await servePage();
  process.env["DRIFTWOOD_PAGE_URL"] = url;
  return close;
}
