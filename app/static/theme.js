// The look of a room: the previews and contrasts follow the input. The server checks the contrasts, too.
import { fitted } from "./pictures.js";

const form = document.querySelector("[data-theme]");
const state = document.querySelector("[data-state]");
const all = (selector) => document.querySelectorAll(selector);
const setProperty = (selector, name, value) => {
  for (const element of all(selector)) element.style.setProperty(name, value);
};

function showText({ target }) {
  state.textContent = state.dataset.unsaved;
  const value = target.value.trim();
  showContrast();
  for (const element of all(`[data-shows="${target.name}"]`)) element.textContent = value;
  if (!/^(#[0-9a-f]{6})$/i.test(value)) return;
  if (target.name === "paper") setProperty(".preview.light", "--paper", value);
  if (target.name === "accent") setProperty(".preview.light", "--go", value); // dark mode uses a lighter one, shown by Preview
}

// As `contrasts` in core/theme.py: the lowest contrast of a colour with any background or text it is used with.
const READABLE = 4.5, TINT = 0.12, usual = form.dataset;
const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const light = (colour) => channels(colour).map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4))
  .reduce((sum, it, n) => sum + it * [0.2126, 0.7152, 0.0722][n], 0);
const contrast = (one, other) => {
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const mixed = (ground, colour) => `#${channels(ground).map((it, n) => Math.round(it + (channels(colour)[n] - it) * TINT).toString(16).padStart(2, "0")).join("")}`;
const colourOf = (name, otherwise) => (/^#[0-9a-f]{6}$/i.test(form.elements[name].value.trim()) ? form.elements[name].value.trim() : otherwise);

function showContrast() {
  const paper = colourOf("paper", usual.paper), accent = colourOf("accent", usual.go);
  const found = {
    accent: Math.min(...[paper, usual.card, mixed(usual.card, accent)].map((it) => contrast(accent, it))),
    paper: Math.min(contrast(usual.ink, paper), contrast(usual.soft, paper)),
  };
  for (const [name, value] of Object.entries(found)) {
    document.querySelector(`[data-contrast="${name}"]`).textContent = (Math.floor(10 * value) / 10).toFixed(1);
    const verdict = document.querySelector(`[data-verdict="${name}"]`);
    verdict.textContent = value >= READABLE ? verdict.dataset.good : verdict.dataset.bad;
    verdict.className = value >= READABLE ? "" : "wrong-inline";
  }
}

for (const picker of all("[data-colour]")) {
  const text = form.elements[picker.dataset.colour];
  picker.hidden = false;
  picker.addEventListener("input", () => {
    text.value = picker.value;
    text.dispatchEvent(new Event("input", { bubbles: true }));
  });
  text.addEventListener("input", () => { if (/^#[0-9a-f]{6}$/i.test(text.value.trim())) picker.value = text.value.trim(); });
}

function showPicture(name, address) {
  form.elements[name].value = address;
  state.textContent = state.dataset.unsaved;
  for (const element of all(`img[data-shows="${name}"]`)) {
    element.hidden = !address;
    if (address) element.src = address;
  }
  for (const element of all(`[data-without="${name}"]`)) element.hidden = Boolean(address);
  for (const element of all(`[data-picture="${name}"] button`)) element.hidden = !address;
}

for (const field of all("[data-picture]")) {
  const name = field.dataset.picture;
  field.hidden = false;
  field.querySelector("button").hidden = !form.elements[name].value;
  field.querySelector("input").addEventListener("change", async ({ target }) => {
    if (target.files[0]) showPicture(name, await fitted(target.files[0], name).catch(() => ""));
  });
  field.querySelector("button").addEventListener("click", () => showPicture(name, ""));
}
form.addEventListener("input", showText);
