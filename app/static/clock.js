// The server's clock and everything on a page that counts down by it.
import { clock } from "./formatting.js";

const SET_BACK_MS = 60000; // no document is so old: the server's clock was set back
let offsetMs = NaN;

// The server's time goes on by a clock that nobody sets: the device's may be wrong, or be put right while a page is open.
// A document is at least as old as it says, so the largest offset seen is the truest one.
export function heard(serverMs) {
  const offset = serverMs - performance.now();
  if (!(offset <= offsetMs && offset > offsetMs - SET_BACK_MS)) offsetMs = offset;
}

// Whether a document is of the past: it came late, over another connection or out of a cache.
export const isOlder = (next, last) => {
  const behindMs = Date.parse(last.updated_at) - Date.parse(next.updated_at);
  return behindMs > 0 && behindMs < SET_BACK_MS;
};

export const now = () => performance.now() + offsetMs;

// Write every countdown; returns the names of those that have reached zero.
export function tick(root = document) {
  const over = [];
  for (const element of root.querySelectorAll("[data-countdown]")) {
    const until = Number(element.dataset.until);
    if (!until || element.closest("[hidden]")) continue;
    const text = clock(until - now());
    if (element.textContent !== text) element.textContent = text;
    if (until <= now()) over.push(element.dataset.countdown);
  }
  return over;
}

export function setCountdown(name, untilMs) {
  for (const element of document.querySelectorAll(`[data-countdown="${name}"]`)) {
    if (element.dataset.until === String(untilMs)) continue;
    element.dataset.until = untilMs;
    element.textContent = clock(untilMs - now()); // not a second later
  }
}
