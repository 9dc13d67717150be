// The door page's storage on its device: IndexedDB or, if that is blocked, memory for as long as the page is open.
const STORE = "kept", NAME = "fairgate-door";

const answered = (request) => new Promise((done, failed) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});

const beginning = (start) => IDBKeyRange.bound(start, `${start}\uffff`);

async function opened() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return answered(request);
}

// {get, put, drop, below, clear}: `below` returns all values whose names begin with a text, `clear` deletes them.
export async function openKept() {
  const memory = new Map();
  let base = null;
  try {
    base = await opened();
  } catch {
    // Nothing outlives this page.
  }
  const store = (mode) => base.transaction(STORE, mode).objectStore(STORE);
  return {
    lasting: Boolean(base),
    get: async (name) => (base ? answered(store("readonly").get(name)) : memory.get(name)),
    put: async (name, value) => (base ? answered(store("readwrite").put(value, name)) : memory.set(name, value)),
    drop: async (name) => (base ? answered(store("readwrite").delete(name)) : memory.delete(name)),
    clear: async (start) => (base
      ? answered(store("readwrite").delete(beginning(start)))
      : [...memory.keys()].filter((name) => name.startsWith(start)).forEach((name) => memory.delete(name))),
    below: async (start) => (base
      ? answered(store("readonly").getAll(beginning(start)))
      : [...memory].filter(([name]) => name.startsWith(start)).map(([, value]) => value)),
  };
}

// Same as `code_in` on the server: the code itself, or a link that ends in it.
export function codeIn(text) {
  const last = text.split("?")[0].trim().replace(/\/+$/, "").split("/").pop();
  return last.normalize("NFKC").replace(/[\s\u00ad\u2010-\u2015\u2212-]+/g, "").toUpperCase();
}

// The hash stored instead of a code (`code_hash`); null if the browser cannot compute it, as without https.
export async function hashOf(event, code) {
  if (!globalThis.crypto?.subtle) return null;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${event}:${code}`)));
  return [...bytes.slice(0, 8)].map((it) => it.toString(16).padStart(2, "0")).join("");
}

// The list as the server sends it: hashes of 16 digits each, joined.
export function hashesOf(document) {
  const found = new Set();
  for (let at = 0; at < document.hashes.length; at += 16) found.add(document.hashes.slice(at, at + 16));
  return found;
}
