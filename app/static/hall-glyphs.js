// The look of seats: each state has its own shape, not only a colour. Drawn once per size, then stamped.
import { FREE, HELD } from "./hall.js";

const BANDS = 5;
export const OFF = 10, MINE = 11, CHOSEN = 12; // not on sale; already the visitor's; being chosen

// The page's colours, from its sheet and its theme.
export function readPaint(element) {
  const style = getComputedStyle(element), of = (name) => style.getPropertyValue(name).trim();
  const bands = Array.from({ length: BANDS }, (_, n) => of(`--band-${n + 1}`));
  return { bands, ink: of("--ink"), soft: of("--soft"), line: of("--line"), card: of("--card"), paper: of("--paper"), go: of("--go"), onSeat: of("--on-band"), font: style.fontFamily };
}

export function glyphs(paint) {
  const made = new Map();
  let size = 0;
  return (kind, band, px) => {
    if (px !== size) made.clear();
    size = px;
    const key = kind === FREE ? band : 100 + kind;
    if (!made.has(key)) made.set(key, stamp(kind, paint.bands[band] ?? paint.ink, px, paint));
    return made.get(key);
  };
}

function stamp(kind, colour, px, paint) {
  const canvas = Object.assign(document.createElement("canvas"), { width: px, height: px });
  const c = canvas.getContext("2d"), middle = px / 2, thin = Math.max(1, px * 0.09);
  const tile = (inset) => { c.beginPath(); c.roundRect(inset, inset, px - 2 * inset, px - 2 * inset, (px - 2 * inset) * 0.3); };
  Object.assign(c, { lineWidth: thin, fillStyle: colour, strokeStyle: paint.soft, lineCap: "round", lineJoin: "round" });
  if (kind === FREE) {
    tile(px * 0.06);
    c.fill();
  } else if (kind === HELD) { // may come back: an empty tile with a dot
    tile(px * 0.1 + thin / 2);
    c.stroke();
    dot(c, middle, px * 0.14, paint.soft);
  } else if (kind === OFF) {
    tile(px * 0.1 + thin / 2);
    c.setLineDash([px * 0.16, px * 0.14]);
    c.stroke();
  } else if (kind === MINE) {
    dot(c, middle, px * 0.46, paint.ink);
    dot(c, middle, px * 0.2, paint.card);
  } else if (kind === CHOSEN) {
    dot(c, middle, px * 0.48, paint.ink);
    Object.assign(c, { strokeStyle: paint.card, lineWidth: Math.max(1.5, px * 0.12) });
    c.beginPath();
    c.moveTo(px * 0.3, px * 0.53);
    c.lineTo(px * 0.45, px * 0.67);
    c.lineTo(px * 0.71, px * 0.36);
    c.stroke();
  } else { // sold: a small cross
    c.strokeStyle = paint.line;
    c.lineWidth = Math.max(1, px * 0.13);
    c.beginPath();
    for (const up of [1, -1]) {
      c.moveTo(middle - px * 0.18, middle - up * px * 0.18);
      c.lineTo(middle + px * 0.18, middle + up * px * 0.18);
    }
    c.stroke();
  }
  return canvas;
}

function dot(c, middle, radius, colour) {
  c.fillStyle = colour;
  c.beginPath();
  c.arc(middle, middle, radius, 0, 2 * Math.PI);
  c.fill();
}
