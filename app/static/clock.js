// The server's clock and everything on a page that counts down by it.
import { clock, when } from "./words.js";

let offsetMs = -Infinity;

// A document is at least as old as it says, so the largest offset seen is the truest one.
export function heard(serverMs) {
  offsetMs = Math.max(offsetMs, serverMs - Date.now());
}

export const now = () => Date.now() + (offsetMs === -Infinity ? 0 : offsetMs);

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
  for (const element of document.querySelectorAll(`[data-countdown="${name}"]`)) element.dataset.until = untilMs;
}

// Times were written in UTC for pages without a script. Those of an event stay as they are: in its zone, which they name.
export function localTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-time]:not([data-zone])")) {
    if (element.dateTime) element.textContent = when(new Date(element.dateTime), element.dataset.time);
  }
}
