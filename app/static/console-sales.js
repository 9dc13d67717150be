// The list of sales, read again every few seconds while it is looked at and nothing in it has the focus.
import { within } from "./calls.js";

const EVERY_MS = 5000;
const list = () => document.querySelector("[data-live-list]");

setInterval(async () => {
  if (document.hidden || list().contains(document.activeElement)) return;
  const response = await fetch(location.href, { signal: within(EVERY_MS) }).catch(() => null);
  if (!response?.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-live-list]");
  if (fresh) list().replaceWith(fresh);
}, EVERY_MS);
