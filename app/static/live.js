// The live shared document of a room, from one stream for all tabs of this browser, since HTTP/1.1 allows six connections per host; polled
// instead where the stream is blocked, silent or broken.
import { jittered, look } from "./calls.js";

const QUIET_MS = 20000; // a stream silent for longer is checked by polling
const OTHER_QUIET_MS = 30000; // the tab with the stream polls before that, and notifies the others
const POLL_MS = 3000;
const FIRST_MS = 4000; // a stream begins with the current document; if none arrives by then, something blocks it
const LISTEN_AGAIN_MS = 15000;
const LOST_AFTER = 2; // consecutive failures
const STREAMS_MAX = 3; // over all rooms open in this browser; pages need connections, too

export function follow(url, onDocument, onLink) {
  let source = null, streaming = false, last = null, failures = 0, asking = false, link = "";
  let heardAt = performance.now() - POLL_MS + FIRST_MS;
  const tabs = channel(`fairgate ${url}`);

  const tell = () => {
    const next = streaming ? "live" : failures >= LOST_AFTER ? "lost" : "polling";
    if (next !== link) onLink((link = next));
  };
  const share = () => { if (source && last) tabs?.postMessage({ last, streaming }); };
  const take = (document) => {
    heardAt = performance.now();
    failures = 0;
    onDocument((last = document));
    tell();
  };
  const hear = (document) => {
    take(document);
    share();
  };

  function listen() {
    source = new EventSource(`${url}/events`);
    const mine = source;
    source.addEventListener("status", (event) => {
      streaming = true;
      hear(JSON.parse(event.data));
    });
    source.onerror = () => {
      if (streaming) heardAt = performance.now() - POLL_MS + jittered(1000); // poll soon, but not all at once
      streaming = false;
      share();
      tell();
      if (mine.readyState === EventSource.CLOSED) setTimeout(() => mine === source && listen(), jittered(LISTEN_AGAIN_MS));
    };
  }

  // If tabs cannot coordinate, the visible one has a stream.
  function listenWhileSeen() {
    const see = () => {
      const seen = document.visibilityState === "visible";
      if (seen && !source) return listen();
      if (seen) return;
      source?.close();
      source = null;
      streaming = false;
      tell();
    };
    document.addEventListener("visibilitychange", see);
    see();
  }

  // The tab that gets the lock has the stream while it lives; then the next one gets it.
  function listenForAll() {
    if (!tabs || !navigator.locks) return listenWhileSeen();
    tabs.onmessage = ({ data }) => {
      if (data === "new") return share();
      streaming = data.streaming;
      take(data.last);
    };
    tabs.postMessage("new");
    navigator.locks.request(`fairgate ${url}`, () => whenFree(listen)).catch(listenWhileSeen);
  }

  async function ask() {
    const quietMs = !streaming ? POLL_MS : source ? QUIET_MS : OTHER_QUIET_MS;
    if (asking || performance.now() - heardAt < quietMs) return;
    asking = true;
    if (!source) streaming = false; // the tab with the stream is asleep
    try {
      hear(await (await look(url)).json());
    } catch {
      failures += 1;
      streaming = false;
      heardAt = performance.now();
      tell();
    } finally {
      asking = false;
    }
  }

  (function again() {
    ask();
    setTimeout(again, jittered(700));
  })();
  addEventListener("online", () => { heardAt = -Infinity; ask(); });
  addEventListener("offline", () => { failures = LOST_AFTER; streaming = false; tell(); });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && performance.now() - heardAt > POLL_MS) { heardAt = -Infinity; ask(); }
  });
  listenForAll();
}

function channel(name) {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null; // an older browser, or its storage is blocked
  }
}

// Runs `work` once fewer than that many rooms have a stream, and keeps the slot for good.
async function whenFree(work) {
  for (let n = 0; ; n = (n + 1) % STREAMS_MAX) {
    await navigator.locks.request(`fairgate stream ${n}`, { ifAvailable: true }, (lock) => lock && kept(work));
    if (n === STREAMS_MAX - 1) await new Promise((done) => setTimeout(done, jittered(LISTEN_AGAIN_MS)));
  }
}

const kept = (work) => new Promise(() => work());
