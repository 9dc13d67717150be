// The look of a room: what is typed or chosen shows in the previews at once. Contrast is judged by the server.
const form = document.querySelector("[data-theme]");
const state = document.querySelector("[data-state]");
const PICTURES = { logo: { width: 480, height: 160, characters: 12000 }, cover: { width: 1200, height: 500, characters: 40000 } };
const all = (selector) => document.querySelectorAll(selector);
const setProperty = (selector, name, value) => {
  for (const element of all(selector)) element.style.setProperty(name, value);
};

function showText({ target }) {
  state.textContent = state.dataset.unsaved;
  const value = target.value.trim();
  for (const element of all(`[data-shows="${target.name}"]`)) element.textContent = value;
  if (!/^(#[0-9a-f]{6})$/i.test(value)) return;
  if (target.name === "paper") setProperty(".preview.light", "--paper", value);
  if (target.name === "accent") setProperty(".preview.light", "--go", value); // in dark it is made lighter: press Preview
}

function showPicture(name, address) {
  form.elements[name].value = address;
  state.textContent = state.dataset.unsaved;
  for (const element of all(`img[data-shows="${name}"]`)) {
    element.hidden = !address;
    if (address) element.src = address;
  }
  for (const element of all(`[data-without="${name}"]`)) element.hidden = Boolean(address);
}

// Drawn smaller and with less detail until it fits.
async function fitted(file, { width, height, characters }) {
  const image = await createImageBitmap(file);
  for (let scale = Math.min(1, width / image.width, height / image.height), step = 0; step < 12; step++, scale *= 0.8) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const address = canvas.toDataURL("image/webp", 0.8);
    if (address.length <= characters) return address;
  }
  return "";
}

for (const field of all("[data-picture]")) {
  const name = field.dataset.picture;
  field.hidden = false;
  field.querySelector("input").addEventListener("change", async ({ target }) => {
    if (target.files[0]) showPicture(name, await fitted(target.files[0], PICTURES[name]).catch(() => ""));
  });
  field.querySelector("button").addEventListener("click", () => showPicture(name, ""));
}
form.addEventListener("input", showText);
