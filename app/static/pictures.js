// Turns a picture chosen for a room's look into a data URL.
const PICTURES = { logo: { width: 480, height: 160, characters: 12000 }, cover: { width: 1200, height: 500, characters: 40000 } };

// Reduces size and quality until it fits.
export async function fitted(file, name) {
  const { width, height, characters } = PICTURES[name];
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
