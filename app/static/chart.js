// Line graphs over a time span, redrawn on new data. Both axes are labelled.
import { aheadOfUtc, faceOf } from "./staff-clock.js";

const TOP = 8, BOTTOM = 18, RIGHT = 8, CHARACTER = 6.6, TIME_TICK = 76, LEAST = 4, LIMIT_NEAR = 2;
const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const TIME_STEPS = [
  10000, 30000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 7 * DAY, 28 * DAY, 91 * DAY, 364 * DAY,
];
const seconds = faceOf({ timeStyle: "medium" }), minutes = faceOf({ timeStyle: "short" }), days = faceOf({ day: "numeric", month: "short" });
const SVG = "http://www.w3.org/2000/svg";
const plain = new Intl.NumberFormat("en"), short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
export const number = (value) => (value === null || value === undefined ? "–" : plain.format(value));

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

// The tick values, up to the first one not exceeded, in steps of 1, 2 or 5, so that at least three quarters of the height are used.
function valueTicks(value) {
  const power = 10 ** Math.floor(Math.log10(value / 4));
  const step = [1, 2, 5, 10].map((it) => it * power).find((it) => value / it <= 5);
  return Array.from({ length: Math.ceil(value / step) + 1 }, (_, i) => i * step);
}

// Ticks in whole steps of the console's time, spaced so that their labels do not touch.
function timeTicks(from, to, width) {
  const step = TIME_STEPS.find((it) => ((to - from) / it) * TIME_TICK <= width) ?? TIME_STEPS[TIME_STEPS.length - 1];
  const ahead = aheadOfUtc(from), ticks = [];
  for (let at = Math.ceil((from + ahead) / step) * step - ahead; at <= to; at += step) ticks.push(at);
  const word = step < MINUTE ? seconds : step < DAY ? minutes : days;
  return ticks.map((at) => [at, word.format(at)]);
}

// The maximum to show; a limit counts only if the limited value comes near it.
function most(points, legend, least) {
  const highest = (limits) => points.reduce(
    (top, it) => legend.reduce((value, { key, look }) => (look === "dashed") === limits ? Math.max(value, it[key] ?? 0) : value, top), 0);
  const reached = Math.max(least, highest(false)), limit = highest(true);
  return limit <= LIMIT_NEAR * reached ? Math.max(reached, limit) : reached;
}

// A path through the points, interrupted where nothing was measured for a while.
function trace(points, key, gap, x, y) {
  let path = "", last = -Infinity;
  for (const point of points) {
    const value = point[key];
    if (value === null) continue;
    path += `${point.at_ms - last > gap ? "M" : "L"}${x(point.at_ms).toFixed(1)} ${y(value).toFixed(1)}`;
    last = point.at_ms;
  }
  return path;
}

// The area below a path, piece by piece.
const surface = (path, floor) => path.split("M").filter(Boolean).map((it) => {
  const moves = it.split("L"), [from] = moves[0].split(" "), [to] = moves[moves.length - 1].split(" ");
  return `M${from} ${floor}L${it}L${to} ${floor}Z`;
}).join("");

export class Graph {
  constructor(figure, onCursor) {
    this.svg = figure.querySelector("svg");
    this.least = Number(figure.dataset.least ?? LEAST);
    this.legend = Array.from(figure.querySelectorAll("[data-series]"), (shown) => ({
      key: shown.dataset.series, shown, look: shown.parentElement.classList[1],
    }));
    this.svg.addEventListener("pointermove", (event) => {
      const box = this.svg.getBoundingClientRect(), share = (event.clientX - box.left - this.left) / (box.width - this.left - RIGHT);
      if (this.view) onCursor(this.view.from + (this.view.to - this.view.from) * Math.min(1, Math.max(0, share)));
    });
    this.svg.addEventListener("pointerleave", () => onCursor(null));
  }

  // `view`: {from, to, gap, label}; `points`: those within it, oldest first.
  draw(points, marks, view, cursor) {
    this.view = view;
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width) return;
    this.svg.setAttribute("aria-label", view.label(this.svg.dataset.title));
    const floor = height - BOTTOM;
    const ticks = valueTicks(most(points, this.legend, this.least)), top = ticks[ticks.length - 1];
    const tick = (value) => (top < 10000 ? plain : short).format(value);
    const left = this.left = 8 + CHARACTER * Math.max(...ticks.map((it) => tick(it).length));
    const x = (at) => left + (width - left - RIGHT) * ((at - view.from) / (view.to - view.from));
    const y = (value) => floor - (floor - TOP) * (value / top);
    const parts = ticks.flatMap((it) => [
      element("path", { class: "rule", d: `M${left} ${y(it)}H${width - RIGHT}` }),
      element("text", { x: left - 5, y: y(it) + 3.5, "text-anchor": "end" }, tick(it)),
    ]);
    for (const [at, word] of timeTicks(view.from, view.to, width - left - RIGHT)) {
      const near = x(at) - left < 18 ? "start" : width - x(at) < 24 ? "end" : "middle";
      parts.push(element("path", { class: "rule", d: `M${x(at)} ${floor}v4` }), element("text", { x: x(at), y: height - 2, "text-anchor": near }, word));
    }
    for (const mark of marks.filter((it) => it.at_ms > view.from)) {
      const line = element("path", { class: mark.on ? "mark on" : "mark", d: `M${x(mark.at_ms)} ${TOP}V${floor}` });
      line.append(element("title", {}, mark.what));
      parts.push(line);
    }
    for (const { key, look } of this.legend) {
      const path = trace(points.map((it) => (it[key] > top ? { at_ms: it.at_ms, [key]: null } : it)), key, view.gap, x, y);
      if (this.legend.length === 1 && path) parts.push(element("path", { class: "area", d: surface(path, floor) }));
      parts.push(element("path", { class: look, d: path }));
    }
    if (!points.length) parts.push(element("text", { x: (left + width) / 2, y: (TOP + floor) / 2, "text-anchor": "middle" }, "No figures yet"));
    if (cursor !== null) parts.push(element("path", { class: "cursor", d: `M${x(cursor)} ${TOP}V${floor}` }));
    this.svg.replaceChildren(...parts);
    const told = cursor === null ? points[points.length - 1] : nearest(points, cursor);
    for (const { key, shown } of this.legend) shown.textContent = told ? number(told[key]) : "–";
  }
}

function nearest(points, at) {
  return points.reduce((best, it) => (Math.abs(it.at_ms - at) < Math.abs(best.at_ms - at) ? it : best), points[0]);
}
