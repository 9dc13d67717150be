// The service worker of one door page: offline, it serves the page as last seen, with its scripts.
const NAME = "fairgate-door", WAIT_MS = 4000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function fromNetwork(request) {
  const late = new AbortController(), timer = setTimeout(() => late.abort(), WAIT_MS);
  try {
    return await fetch(request, { signal: late.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function pageOf(request) {
  const kept = await caches.open(NAME);
  try {
    const fresh = await fromNetwork(request);
    if (fresh.ok) await kept.put(request.url, fresh.clone());
    return fresh;
  } catch {
    return (await kept.match(request.url)) ?? Response.error();
  }
}

async function fileOf(request) {
  const kept = await caches.open(NAME), known = await kept.match(request.url);
  if (known) return known;
  const fresh = await fetch(request);
  if (fresh.ok) await kept.put(request.url, fresh.clone());
  return fresh;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(pageOf(request));
  else if (new URL(request.url).pathname.startsWith("/static/")) event.respondWith(fileOf(request));
});
