/** Keeps the page's own files in the browser, so that it opens while its server is away. */

/** Starts the service worker and stores what this first visit loaded before it was there. */
export async function keepPage(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("sw.js");
    await navigator.serviceWorker.ready;
    const cache = await caches.open("driftwood-page");
    const loaded = performance.getEntriesByType("resource").map(({ name }) => new URL(name));
    const own = loaded.filter(({ origin }) => origin === location.origin).map(({ pathname }) => pathname);
    const paths = new Set([location.pathname, ...own]);
    const stored = (await cache.keys()).map(({ url }) => new URL(url).pathname);
    const missing = [...paths].filter((path) => !stored.includes(path));
    const outdated = stored.filter((path) => path.includes("/assets/") && !paths.has(path));
    await Promise.all([...missing.map((path) => cache.add(path)), ...outdated.map((path) => cache.delete(path))]);
    document.documentElement.dataset["kept"] = "true";
  } catch (error) {
    // The notes do not depend on it: they are in IndexedDB either way.
    console.warn("The page could not be kept for use without its server.", error);
  }
}
