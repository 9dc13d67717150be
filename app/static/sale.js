// A new sale: the preview follows the input.
import { within } from "./calls.js";
import { fitted } from "./pictures.js";

const form = document.querySelector("[data-sale]"), WAIT_MS = 500;
let typing, asked = 0;

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

for (const field of document.querySelectorAll("[data-picture]")) {
  const { picture } = field.dataset, value = form.elements[picture], remove = field.querySelector("button");
  const show = (address) => {
    value.value = address;
    remove.hidden = !address;
    look();
  };
  field.hidden = false;
  remove.hidden = !value.value;
  field.querySelector("input").addEventListener("change", async ({ target }) => {
    if (target.files[0]) show(await fitted(target.files[0], picture).catch(() => ""));
  });
  remove.addEventListener("click", () => show(""));
}
