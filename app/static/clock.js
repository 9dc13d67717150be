// The server's clock, and everything on a page that counts down by it.
import { clock } from "./formatting.js";

const SET_BACK_MS = 60000; // a document cannot be this old, so the server's clock was set back
let offsetMs = NaN;

// Server time, advanced by a monotonic clock: the device's clock may be wrong, or corrected while a page is open. A document is at least as
// old as it says, so the largest offset seen is the most accurate.
export function heard(serverMs) {
  const offset = serverMs - performance.now();
  if (!(offset <= offsetMs && offset > offsetMs - SET_BACK_MS)) offsetMs = offset;
}

// Whether a document is outdated: it arrived late, over another connection or from a cache.
export const isOlder = (next, last) => {
  const behindMs = Date.parse(last.updated_at) - Date.parse(next.updated_at);
  return behindMs > 0 && behindMs < SET_BACK_MS;
};

export const now = () => performance.now() + offsetMs;

// Writes every countdown; returns the names of those that have reached zero.
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
