// Keeps the page itself usable while its server is away; the notes live in IndexedDB and never pass through here.
// The page is asked for over the network first, so that a new build shows at once; files under /assets/ carry a
// hash of their content in their name, so a stored copy is always the right one.

const CACHE = "driftwood-page";
// Servers may vary their answers by origin for others; all that is stored here is for this page.
const ANY = { ignoreVary: true };

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(networkFirst(request, url.pathname));
  else if (url.pathname.includes("/assets/")) event.respondWith(storedFirst(request));
  else event.respondWith(networkFirst(request, url.pathname));
});

async function storedFirst(request) {
  const cache = await caches.open(CACHE);
  const stored = await cache.match(request, ANY);
  return stored ?? keep(cache, request.url, await fetch(request));
}

// Stored under the bare path: the query string and the fragment choose a note, not another page.
async function networkFirst(request, path) {
  const cache = await caches.open(CACHE);
  try {
    return await keep(cache, path, await fetch(request));
  } catch (error) {
    const stored = await cache.match(path, ANY);
    if (stored) return stored;
    throw error;
  }
}

async function keep(cache, key, response) {
  try {
    if (response.ok) await cache.put(key, response.clone());
  } catch {
    // No room to keep it, perhaps; the page has it all the same.
  }
  return response;
}
