// Draws a hall on a canvas: sections as blocks from afar, seats when zoomed in. It draws only what is visible, at most once per frame, and
// nothing while nothing changes. Each frame fires the event `drawn` with its cost.
import { ACCESSIBLE, BLOCKED, COMPANION, FREE, NONE, halfAt, numberOf, placeIn } from "./hall.js";
import { CHOSEN, MINE, OFF, glyphs, readPaint } from "./hall-glyphs.js";

const SEATS_FROM_PX = 6.5, STAMPS_FROM_PX = 10, ROWS_FROM_PX = 13, NUMBERS_FROM_PX = 21, SCALE_MAX = 44; // pixels per seat
const SIGNS = { // by kind; same shapes as in templates/event/hall.html
  [ACCESSIBLE]: { stroke: new Path2D("M6.4 4.6v4h3.4l1.9 3.6M6.5 6.4h3M5.2 7.4a3.6 3.6 0 1 0 4.6 4.6"), fill: new Path2D("M5.1 2.4a1.3 1.3 0 1 0 2.6 0a1.3 1.3 0 1 0 -2.6 0") },
  [COMPANION]: { stroke: new Path2D("M1.8 13c0-3 1.4-4.7 3.6-4.7S9 10 9 13M12 5.8v5M9.5 8.3h5"), fill: new Path2D("M3.3 4.6a2.1 2.1 0 1 0 4.2 0a2.1 2.1 0 1 0 -4.2 0") },
};
const PAD_PX = 14, FLIGHT_MS = 280;
const DARK = matchMedia("(prefers-color-scheme: dark)"), STILL = matchMedia("(prefers-reduced-motion: reduce)");

// `marks`: {chosen, mine, cursor, bands, left, now}; see seats.js.
export function hallView(canvas, hall, marks) {
  const c = canvas.getContext("2d"), camera = { x: 0, y: 0, scale: 1 };
  let paint = readPaint(canvas), stampOf = glyphs(paint), width = 0, height = 0, ratio = 1, dirty = false, flight = null, cost;

  const screen = (x, y) => [(x - camera.x) * camera.scale + width / 2, (y - camera.y) * camera.scale + height / 2];
  const world = (x, y) => [(x - width / 2) / camera.scale + camera.x, (y - height / 2) / camera.scale + camera.y];
  const near = () => camera.scale >= SEATS_FROM_PX;

  function invalidate() {
    if (dirty) return;
    dirty = true;
    requestAnimationFrame(frame);
  }

  function frame(at) {
    dirty = false;
    if (flight) fly(at);
    const began = performance.now();
    cost = { level: near() ? "seats" : "blocks", seats: 0, rows: 0, blocks: 0, ...camera };
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    drawStage();
    const [left, top] = world(0, 0), [right, bottom] = world(width, height), sight = { left, top, right, bottom };
    for (const section of hall.sections) {
      if (!meet(section.box, sight)) continue;
      drawBlock(section);
      if (near()) drawSeats(section, sight);
    }
    if (near()) for (const section of hall.sections) if (meet(section.box, sight)) drawRowNames(section, sight);
    drawCursor();
    canvas.dispatchEvent(new CustomEvent("drawn", { detail: { ...cost, ms: performance.now() - began } }));
  }

  function drawStage() {
    const { left, right, top, bottom } = hall.stage, [x, y] = screen(left, top);
    const [w, h] = [(right - left) * camera.scale, (bottom - top) * camera.scale];
    c.fillStyle = paint.line;
    c.beginPath();
    c.roundRect(x, y, w, h, [h * 0.2, h * 0.2, h * 0.5, h * 0.5]);
    c.fill();
    write(marks.words.stage, x + w / 2, y + h / 2, Math.min(15, h * 0.55), paint.ink, w, 600);
  }

  function outline(section) {
    const [x, y] = screen(section.x, section.y), front = section.front - 0.9, back = section.front + section.depth + 0.9;
    const half = (radius) => halfAt(section, Math.max(radius, 1)) + 0.75 / Math.max(radius, 1);
    const turn = (angle) => Math.PI / 2 - angle;
    c.beginPath();
    c.arc(x, y, front * camera.scale, turn(section.centre - half(front)), turn(section.centre + half(front)), true);
    c.arc(x, y, back * camera.scale, turn(section.centre + half(back)), turn(section.centre - half(back)));
    c.closePath();
  }

  function drawBlock(section) {
    const colour = paint.bands[marks.bands[section.id]] ?? paint.ink, off = marks.isOff(section);
    outline(section);
    cost.blocks += 1;
    c.lineWidth = 1.5;
    c.fillStyle = near() ? paint.paper : colour;
    c.globalAlpha = near() ? 0.75 : off || !section.free ? 0.06 : 0.16 + 0.34 * (section.free / section.total);
    c.fill();
    c.globalAlpha = near() ? 0.25 : 1;
    c.strokeStyle = section.free && !off ? colour : paint.line;
    c.stroke();
    c.globalAlpha = 1;
    if (!near()) nameBlock(section);
  }

  function nameBlock(section) {
    const radius = section.front + section.depth / 2, high = (section.depth + 1.5) * camera.scale;
    const along = 2 * radius * halfAt(section, radius) * camera.scale, turned = [Math.cos(section.centre), Math.sin(section.centre)].map(Math.abs);
    const wide = Math.min(along / turned[0], high / turned[1]); // the width that fits across a rotated block
    const [x, y] = screen(...placeIn(section, radius, section.centre));
    const size = Math.max(10, Math.min(16, wide / 6));
    const lines = high > size * 2.7 && wide > 52 ? 2 : 1, up = lines === 2 ? size * 0.62 : 0;
    write(section.name, x, y - up, size, paint.ink, wide - 8, 650) ||
      write(section.name.split(" ").pop(), x, y - up, size, paint.ink, wide - 4, 650);
    if (lines === 2) write(marks.left(section), x, y + up, size * 0.82, paint.ink, wide - 8, 400);
  }

  // Draws one line of text, if it fits.
  function write(text, x, y, px, colour, wide, weight) {
    if (px < 8) return false;
    c.font = `${weight} ${px}px ${paint.font}`;
    if (c.measureText(text).width > wide) return false;
    Object.assign(c, { fillStyle: colour, textAlign: "center", textBaseline: "middle" });
    c.fillText(text, x, y);
    return true;
  }

  function kindOf(seat, section) {
    if (marks.chosen.has(seat)) return CHOSEN;
    if (marks.mine.has(seat)) return MINE;
    return hall.state[seat] === BLOCKED || (hall.state[seat] === FREE && marks.isOff(section)) ? OFF : hall.state[seat];
  }

  function drawSeats(section, sight) {
    const px = Math.max(2, Math.round(camera.scale * 0.92 * ratio)), half = px / 2, band = marks.bands[section.id];
    const numbered = camera.scale >= NUMBERS_FROM_PX;
    c.setTransform(1, 0, 0, 1, 0, 0);
    if (numbered) Object.assign(c, { font: `600 ${Math.round(camera.scale * 0.36 * ratio)}px ${paint.font}`, fillStyle: paint.onSeat, textAlign: "center", textBaseline: "middle" });
    const tiny = camera.scale < STAMPS_FROM_PX; // draws free seats as squares with a single fill, five times as fast
    if (tiny) c.beginPath();
    for (const row of section.rows) {
      if (!meet(row.box, sight)) continue;
      cost.rows += 1;
      for (let seat = row.start; seat < row.start + row.count; seat++) {
        const x = hall.x[seat], y = hall.y[seat];
        if (hall.state[seat] === NONE || x < sight.left - 1 || x > sight.right + 1 || y < sight.top - 1 || y > sight.bottom + 1) continue;
        const kind = kindOf(seat, section), at = screen(x, y), own = hall.kind[seat];
        c.globalAlpha = marks.only && !own ? 0.18 : 1;
        const left = Math.round(at[0] * ratio - half), top = Math.round(at[1] * ratio - half);
        if (tiny && kind === FREE && !marks.only) c.rect(left, top, px - 1, px - 1);
        else c.drawImage(stampOf(kind, band, px), left, top);
        if (own && !tiny && kind === FREE) drawKind(own, left, top, px);
        else if (numbered && kind === FREE) c.fillText(numberOf(row, seat), at[0] * ratio, at[1] * ratio);
        cost.seats += 1;
      }
    }
    c.globalAlpha = 1;
    if (tiny) {
      c.fillStyle = paint.bands[band] ?? paint.ink;
      c.fill();
    }
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  // The sign of an accessible or companion seat, as in the map's legend.
  function drawKind(own, left, top, px) {
    const { stroke, fill } = SIGNS[own], { strokeStyle, fillStyle } = c;
    c.save();
    c.translate(left + px * 0.14, top + px * 0.14);
    c.scale((px * 0.72) / 16, (px * 0.72) / 16);
    Object.assign(c, { strokeStyle: paint.onSeat, fillStyle: paint.onSeat, lineWidth: 1.9, lineCap: "round", lineJoin: "round" });
    c.stroke(stroke);
    c.fill(fill);
    c.restore();
    Object.assign(c, { strokeStyle, fillStyle });
  }

  function drawRowNames(section, sight) {
    const radius = section.front - 1.6, at = screen(...placeIn(section, radius, section.centre));
    write(section.name, at[0], at[1], Math.min(15, camera.scale), paint.ink, Infinity, 650);
    if (camera.scale < ROWS_FROM_PX) return;
    for (const row of section.rows) {
      if (!meet(row.box, sight)) continue;
      const angle = halfAt(section, row.radius) + 1.1 / row.radius;
      for (const side of [-1, 1]) {
        const to = section.centre + side * angle, [x, y] = screen(...placeIn(section, row.radius, to));
        write(row.label.toUpperCase(), x, y, Math.min(13, camera.scale * 0.5), paint.soft, Infinity, 500);
      }
    }
  }

  function drawCursor() {
    if (marks.cursor < 0 || !near() || document.activeElement !== canvas) return;
    const [x, y] = screen(hall.x[marks.cursor], hall.y[marks.cursor]), size = camera.scale * 1.08 + 3;
    for (const [colour, line] of [[paint.card, 6], [paint.ink, 3]]) {
      Object.assign(c, { strokeStyle: colour, lineWidth: line });
      c.beginPath();
      c.roundRect(x - size / 2, y - size / 2, size, size, size * 0.3);
      c.stroke();
    }
  }

  // --- the camera ------------------------------------------------------------------------------------------------------
  function whole() {
    const { left, right, top, bottom } = hall.bounds;
    const scale = Math.min((width - 2 * PAD_PX) / (right - left), (height - 2 * PAD_PX) / (bottom - top), SCALE_MAX);
    return { x: (left + right) / 2, y: (top + bottom) / 2, scale };
  }

  function put({ x, y, scale }) {
    const all = whole(), { left, right, top, bottom } = hall.bounds;
    camera.scale = Math.min(SCALE_MAX, Math.max(all.scale, scale));
    const wide = Math.max(0, (right - left) / 2 - (width / 2 - 60) / camera.scale), high = Math.max(0, (bottom - top) / 2 - (height / 2 - 60) / camera.scale);
    camera.x = Math.min(all.x + wide, Math.max(all.x - wide, x));
    camera.y = Math.min(all.y + high, Math.max(all.y - high, y));
    canvas.style.touchAction = camera.scale > all.scale * 1.01 ? "none" : "pan-y"; // fully zoomed out, a finger scrolls the page
    invalidate();
  }

  function fly(at) {
    flight.began ??= at;
    const part = Math.min(1, (at - flight.began) / FLIGHT_MS), eased = 1 - (1 - part) ** 3, { from, to } = flight;
    const mix = (name) => from[name] + (to[name] - from[name]) * eased;
    const scale = from.scale * (to.scale / from.scale) ** eased;
    if (part === 1) flight = null;
    put({ x: mix("x"), y: mix("y"), scale });
  }

  function go(to) {
    flight = null;
    if (STILL.matches) return put(to);
    flight = { from: { ...camera }, to };
    invalidate();
  }

  function zoom(factor, px = width / 2, py = height / 2, gently = false) {
    const [x, y] = world(px, py), all = whole();
    const scale = Math.min(SCALE_MAX, Math.max(all.scale, camera.scale * factor)), by = camera.scale / scale;
    const to = { x: x + (camera.x - x) * by, y: y + (camera.y - y) * by, scale };
    if (gently) return go(to);
    flight = null;
    put(to);
  }

  function resize() {
    const began = width === 0, wasWhole = !began && camera.scale <= whole().scale * 1.01;
    ({ clientWidth: width, clientHeight: height } = canvas);
    ratio = Math.min(3, devicePixelRatio || 1);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    if (width && height) put(began || wasWhole ? whole() : camera);
  }

  function repaint() {
    paint = readPaint(canvas);
    stampOf = glyphs(paint);
    invalidate();
  }

  new ResizeObserver(resize).observe(canvas);
  DARK.addEventListener("change", repaint);
  for (const name of ["focus", "blur"]) canvas.addEventListener(name, invalidate);
  resize();
  return {
    invalidate, repaint, world, screen, zoom, near,
    isWhole: () => camera.scale <= whole().scale * 1.01,
    size: () => [width, height],
    showAll: () => go(whole()),
    move: (x, y) => { flight = null; put({ x: camera.x - x / camera.scale, y: camera.y - y / camera.scale, scale: camera.scale }); },
    scale: () => camera.scale,
    replace: (other) => { hall = other; put(whole()); },
    showBox(box, scaleMin = SEATS_FROM_PX * 1.6, scaleMax = 26) {
      const fit = Math.min(width / (box.right - box.left + 4), height / (box.bottom - box.top + 4));
      go({ x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2, scale: Math.min(scaleMax, Math.max(scaleMin, fit)) });
    },
    // Zooms in until the seat is visible, no further than needed.
    reveal(seat) {
      const [x, y] = screen(hall.x[seat], hall.y[seat]), far = x < 40 || y < 40 || x > width - 40 || y > height - 40;
      if (near() && !far) return invalidate();
      go({ x: hall.x[seat], y: hall.y[seat], scale: Math.max(camera.scale, 18) });
    },
  };
}

const meet = (a, b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
