// Refreshes the live parts of a page every few seconds while it is visible and nothing in them has the focus.
import { within } from "./calls.js";

const list = () => document.querySelector("[data-live-list]");
const EVERY_MS = Number(list().dataset.everyMs ?? 5000), WITHIN_MS = 5000;

setInterval(async () => {
  if (document.hidden || list().contains(document.activeElement)) return;
  const response = await fetch(location.href, { signal: within(WITHIN_MS) }).catch(() => null);
  if (!response?.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-live-list]");
  if (fresh && fresh.innerHTML !== list().innerHTML) list().replaceWith(fresh);
}, EVERY_MS);
