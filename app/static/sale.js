// A new sale: the preview follows what is typed, and times are first taken to be in the zone of this browser.
import { within } from "./calls.js";

const form = document.querySelector("[data-sale]"), WAIT_MS = 500;
let typing, asked = 0;

const zone = form.elements.zone;
if (zone.value === "UTC") zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

async function look() {
  const mine = ++asked, body = new URLSearchParams(new FormData(form));
  const response = await fetch(form.action, { method: "POST", body, signal: within(8000) }).catch(() => null);
  if (!response || mine !== asked) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("[data-preview]"), shown = document.querySelector("[data-preview]");
  if (fresh && !shown.contains(document.activeElement)) shown.replaceWith(fresh);
}

form.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(look, WAIT_MS);
});
