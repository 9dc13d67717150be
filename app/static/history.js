// The time span of the cockpit's graphs: the last minutes as they arrive, or the stored history of the sale.
import { look } from "./calls.js";

const RECENT = { "5m": 300000, "15m": 900000, "1h": 3600000 }, AGAIN_MS = 10000, LEAST_MS = 20000, GAP_MS = 15000, GAP_STEPS = 2.5;
const words = { "5m": "the last 5 minutes", "15m": "the last 15 minutes", "1h": "the last hour", sale: "the whole sale" };

export class Span {
  // `here`: the cockpit's address; `onNews`: called when the graphs must be redrawn.
  constructor(here, switches, onNews) {
    this.here = here;
    this.onNews = onNews;
    this.links = Array.from(switches);
    this.range = this.links.find((it) => it.hasAttribute("aria-current")).dataset.range;
    this.stored = null;  // {step_s, points} once loaded
    for (const link of this.links) {
      link.addEventListener("click", (event) => { event.preventDefault(); this.choose(link); });
    }
    setInterval(() => this.read(), AGAIN_MS);
    this.read();
  }

  get words() { return words[this.range]; }

  choose(link) {
    for (const it of this.links) it.toggleAttribute("aria-current", false);
    link.setAttribute("aria-current", "true");
    this.range = link.dataset.range;
    this.stored = null;
    history.replaceState(null, "", link.href);
    this.read();
    this.onNews();
  }

  async read() {
    const range = this.range;
    if ((range !== "1h" && range !== "sale") || document.visibilityState !== "visible") return;
    try {
      const stored = await (await look(`${this.here}/history?range=${range}`)).json();
      if (range === this.range) { this.stored = stored; this.onNews(); }
    } catch { /* the next one will arrive */ }
  }

  // What to draw of the points of the last quarter of an hour: {points, view}. A room younger than the span fills it.
  show(live, now) {
    const stored = this.stored?.points ?? [], newest = stored[stored.length - 1]?.at_ms ?? 0;
    const points = [...stored, ...live.filter((it) => it.at_ms > newest)];
    const begin = Math.min(points[0]?.at_ms ?? now, now - LEAST_MS), from = Math.max(begin, now - (RECENT[this.range] ?? Infinity));
    const gap = Math.max(GAP_MS, 1000 * GAP_STEPS * (this.stored?.step_s ?? 1));
    const view = { from, to: now, gap, label: (title) => `${title} over ${this.words}; the figures are in the table below` };
    return { points: points.filter((it) => it.at_ms >= from), view };
  }
}
