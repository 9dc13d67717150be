// Small line graphs over a quarter of an hour, drawn again whenever something new is known. One axis, one cursor.
const SPAN_MS = 15 * 60000, GAP_MS = 15000, LEFT = 2, TOP = 14, BOTTOM = 14;
const SVG = "http://www.w3.org/2000/svg";
const plain = new Intl.NumberFormat("en");
export const number = (value) => (value === null || value === undefined ? "–" : plain.format(value));

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

// The next of 1, 2, 5, 10, 20 ... so that the top of the axis is a number one can read.
function roof(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((it) => it * power).find((it) => it >= value);
}

// A path through the points; where nothing was measured for a while it is broken.
function trace(points, key, x, y) {
  let path = "", last = -Infinity;
  for (const point of points) {
    const value = point[key];
    if (value === null) continue;
    path += `${point.at_ms - last > GAP_MS ? "M" : "L"}${x(point.at_ms).toFixed(1)} ${y(value).toFixed(1)}`;
    last = point.at_ms;
  }
  return path;
}

export class Graph {
  constructor(figure, onCursor) {
    this.svg = figure.querySelector("svg");
    this.legend = Array.from(figure.querySelectorAll("[data-series]"), (shown) => ({
      key: shown.dataset.series, shown, look: shown.parentElement.classList[1],
    }));
    this.svg.addEventListener("pointermove", (event) => {
      const box = this.svg.getBoundingClientRect();
      onCursor(this.now - SPAN_MS * (1 - (event.clientX - box.left) / box.width));
    });
    this.svg.addEventListener("pointerleave", () => onCursor(null));
  }

  draw(points, marks, now, cursor) {
    this.now = now;
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width) return;
    const floor = height - BOTTOM;
    const values = points.flatMap((it) => this.legend.map(({ key }) => it[key] ?? 0));
    const top = roof(values.reduce((most, it) => Math.max(most, it), 0));
    const x = (at) => LEFT + (width - LEFT) * (1 - (now - at) / SPAN_MS);
    const y = (value) => floor - (floor - TOP) * (value / top);
    const parts = [element("text", { x: LEFT, y: 10 }, number(top))];
    for (const [minutes, anchor] of [[15, "start"], [10, "middle"], [5, "middle"], [0, "end"]]) {
      const at = x(now - minutes * 60000);
      parts.push(element("text", { x: at, y: height - 1, "text-anchor": anchor }, minutes ? `−${minutes} min` : "now"));
    }
    for (const level of [TOP, (TOP + floor) / 2, floor]) {
      parts.push(element("path", { class: "rule", d: `M${LEFT} ${level}H${width}` }));
    }
    for (const mark of marks.filter((it) => it.at_ms > now - SPAN_MS)) {
      const line = element("path", { class: mark.on ? "mark on" : "mark", d: `M${x(mark.at_ms)} ${TOP}V${floor}` });
      line.append(element("title", {}, mark.what));
      parts.push(line);
    }
    const drawn = points.filter((it) => it.at_ms > now - SPAN_MS);
    for (const { key, look } of this.legend) {
      const path = trace(drawn, key, x, y);
      if (this.legend.length === 1 && path) {
        const known = drawn.filter((it) => it[key] !== null), first = known[0], last = known[known.length - 1];
        const area = `M${x(first.at_ms)} ${floor}${path.replaceAll("M", "L")}L${x(last.at_ms)} ${floor}Z`;
        parts.push(element("path", { class: "area", d: area }));
      }
      parts.push(element("path", { class: look, d: path }));
    }
    if (cursor !== null) parts.push(element("path", { class: "cursor", d: `M${x(cursor)} ${TOP}V${floor}` }));
    this.svg.replaceChildren(...parts);
    const told = cursor === null ? points[points.length - 1] : nearest(points, cursor);
    for (const { key, shown } of this.legend) shown.textContent = told ? number(told[key]) : "–";
  }
}

function nearest(points, at) {
  return points.reduce((best, it) => (Math.abs(it.at_ms - at) < Math.abs(best.at_ms - at) ? it : best), points[0]);
}
