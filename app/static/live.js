// The shared document of a room, live: by SSE, and by asking where SSE is blocked, silent or broken.
import { jittered } from "./calls.js";

const QUIET_MS = 20000; // a stream that says nothing for longer is checked by asking
const POLL_MS = 3000;
const FIRST_MS = 4000; // a stream begins with the present document; none by then: something swallows it
const LISTEN_AGAIN_MS = 15000;
const LOST_AFTER = 2; // failures in a row

export function follow(url, onDocument, onLink) {
  let streaming = false, heardAt = Date.now() - POLL_MS + FIRST_MS, failures = 0, asking = false, link = "";

  const tell = () => {
    const next = streaming ? "live" : failures >= LOST_AFTER ? "lost" : "polling";
    if (next !== link) onLink((link = next));
  };
  const hear = (document) => {
    heardAt = Date.now();
    failures = 0;
    onDocument(document);
    tell();
  };

  function listen() {
    const source = new EventSource(`${url}/events`);
    source.addEventListener("status", (event) => {
      streaming = true;
      hear(JSON.parse(event.data));
    });
    source.onerror = () => {
      if (streaming) heardAt = Date.now() - POLL_MS + jittered(1000); // ask soon, but not all at once
      streaming = false;
      tell();
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, jittered(LISTEN_AGAIN_MS));
    };
  }

  async function ask() {
    if (asking || Date.now() - heardAt < (streaming ? QUIET_MS : POLL_MS)) return;
    asking = true;
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(8000) });
      if (!response.ok) throw new Error(response.status);
      hear(await response.json());
    } catch {
      failures += 1;
      streaming = false;
      heardAt = Date.now();
      tell();
    } finally {
      asking = false;
    }
  }

  (function again() {
    ask();
    setTimeout(again, jittered(700));
  })();
  addEventListener("online", () => { heardAt = 0; ask(); });
  addEventListener("offline", () => { failures = LOST_AFTER; streaming = false; tell(); });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - heardAt > POLL_MS) { heardAt = 0; ask(); }
  });
  listen();
}
