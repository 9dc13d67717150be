// The live cockpit: figures, graphs, log and controls follow the room's stream, and other settings show their effect.
import { whileSeen, within } from "./calls.js";
import { Graph, number } from "./chart.js";
import { Span } from "./history.js";
import { moment, momentsIn, time, zone } from "./staff-clock.js";

const SPAN_MS = 15 * 60000, SILENT_MS = 6000, ASK_AFTER_MS = 150, AGAIN_MS = 3000;
const STATES = {
  open: ["open", "good"], prequeue: ["pre-queue", "good"], paused: ["paused", "warn"], sold_out: ["sold out", "bad"],
  closed: ["closed", "off"], scheduled: ["scheduled", "off"],
};
const one = (selector) => document.querySelector(selector), all = (selector) => document.querySelectorAll(selector);
const here = one("[data-cockpit]").dataset.cockpit;
let points = [], live = null, heardAt = 0, skew = 0, cursor = null, marked = null;

const graphs = Array.from(all("[data-graph]"), (figure) => new Graph(figure, (at) => { cursor = at; draw(); }));
const span = new Span(here, all("[data-range]"), () => draw());

function text(selector, value) {
  const element = one(selector);
  if (element && element.textContent !== value) element.textContent = value;
}

const figure = (name, value, note) => {
  text(`[data-figure="${name}"]`, value);
  if (note) text(`[data-note="${name}"]`, note);
};

function draw() {
  if (!live) return;
  const now = performance.now() + skew;
  const marks = live.changes.filter((it) => it.who !== "autopilot" || it.audit_id === marked).map((it) => ({ ...it, on: it.audit_id === marked }));
  const { points: shown, view } = span.show(points, now);
  for (const graph of graphs) graph.draw(shown, marks, view, cursor);
  const wide = view.to - view.from > 20 * 3600000;
  text("[data-readout]", cursor === null ? `Times are in ${zone}. Dashed vertical lines mark changes.` : `At ${(wide ? moment : time)(cursor)}`);
}

function showFigures() {
  figure("waiting", number(live.waiting));
  figure("last_in_line", live.last_in_line);
  figure("outflow", number(live.outflow), `of ${number(live.rate)}`);
  const cap = live.cap === null ? "no cap" : `of ${number(live.cap)}`;
  figure("inside", number(live.called + live.active), `${cap}, ${number(live.called)} of them called`);
  figure("free", number(live.free), `${number(live.held ?? 0)} held, ${number(live.sold ?? 0)} sold`);
  figure("workers", number(live.workers));
  for (const [at, lane] of live.lanes.entries()) figure(`lane_${at}`, number(lane.waiting), `${lane.share} % of the calls`);
  if (live.suspects) figure("suspects", number(live.suspects.joined), live.suspects.why);
  if (live.gate) showGate(live.gate);
  if (live.origin) showOrigin(live.origin);
  if (live.pilot) showPilot(live.pilot);
}

function showPilot(pilot) {
  figure("pilot_target", pilot.target);
  figure("pilot_did", pilot.did_ms ? `${time(pilot.did_ms)}: ${pilot.did}` : "none yet");
  const chip = one("[data-pilot-state]");
  if (chip.textContent !== pilot.state) {
    chip.textContent = pilot.state;
    chip.className = `chip ${{ on: "good", paused: "warn" }[pilot.state] ?? "off"}`;
  }
  for (const element of all("[data-pilot]")) element.hidden = element.dataset.pilot !== pilot.state;
}

function showGate(gate) {
  for (const name of ["requests", "passed", "let_in", "queued", "bypassed", "refused"]) figure(`gate_${name}`, number(gate[name]));
  gate.by_rule.forEach((count, i) => figure(`gate_rule_${i}`, number(count)));
  figure("gate_other", number(gate.by_other));
  if (gate.last_ms) figure("gate_last", `the last at ${time(gate.last_ms)}`);
}

function showOrigin(origin) {
  for (const name of ["p95", "errors", "in_flight", "pilot", "trouble"]) figure(`origin_${name}`, origin[name]);
  const trouble = one('[data-figure="origin_trouble"]');
  if (trouble) trouble.hidden = !origin.trouble;
}

function showState() {
  const [word, kind] = STATES[live.state], chip = one("[data-cockpit] .chip");
  if (chip.textContent !== word) { chip.textContent = word; chip.className = `chip ${kind}`; }
  for (const element of all("[data-states]")) element.hidden = !element.dataset.states.split(" ").includes(live.state);
}

function showLatest(newest) {
  if (!newest) return;
  const head = Object.assign(document.createElement("span"), { className: "note", textContent: `Last change: ${time(newest.at_ms)}, ${newest.who}` });
  one("[data-latest]").replaceChildren(head, ` ${momentsIn(newest.what)}`);
}

function showChanges() {
  const [newest] = live.changes, last = live.changes.find((it) => it.undoable), log = one("[data-log]"), undo = one("[data-undo]");
  undo.hidden = !last;
  if (last) { undo.elements.audit_id.value = last.audit_id; text("[data-undo-what]", momentsIn(last.what)); }
  if (log.dataset.newest === String(newest?.audit_id)) return;
  log.dataset.newest = newest?.audit_id;
  showLatest(newest);
  log.replaceChildren(...live.changes.map((it) => {
    const line = document.createElement("li"), head = document.createElement("span");
    head.className = "note";
    head.textContent = `${time(it.at_ms)} · ${it.who}`;
    line.append(head, ` ${momentsIn(it.what)}`);
    line.addEventListener("pointerenter", () => { marked = it.audit_id; draw(); });
    line.addEventListener("pointerleave", () => { marked = null; draw(); });
    return line;
  }));
}

function hear(event) {
  live = JSON.parse(event.data);
  heardAt = performance.now();
  skew = live.now_ms - heardAt;
  const newest = points[points.length - 1]?.at_ms ?? 0;
  points = [...points, ...live.points.filter((it) => it.at_ms > newest)].filter((it) => it.at_ms > live.now_ms - SPAN_MS);
  showFigures();
  showState();
  showChanges();
  setSliders();
  if (!edited()) showEffect({ now: live.last_in_line });
  draw();
  showLink();
}

function listen(again) {
  const source = new EventSource(`${here}/events`);
  source.addEventListener("cockpit", hear);
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(again, AGAIN_MS); };
  return source;
}

// The live indicator: if the stream is silent, the figures are old and must not look current.
function showLink() {
  const age = performance.now() - heardAt, lost = age > SILENT_MS;
  text("[data-link]", !heardAt ? "connecting" : lost ? `no answer for ${Math.round(age / 1000)} s; figures are out of date` : "live");
  document.body.classList.toggle("stale", Boolean(heardAt) && lost);
}
setInterval(showLink, 1000);

// Rate and maximum inside: the effect of a value is fetched before it is applied.
const form = one("[data-effect-form]"), inputs = Array.from(form.querySelectorAll("[data-number]"));
let asking;

const current = () => ({ rate: String(live?.rate ?? ""), cap: String(live?.cap ?? "") });
const edited = () => live && inputs.some((it) => it.value.trim() !== current()[it.id] && it.dataset.touched);

function setSliders() {
  for (const slider of all("[data-slider]")) {
    const input = document.getElementById(slider.dataset.slider), value = current()[input.id];
    slider.disabled = false;
    if (!input.dataset.touched) input.value = form.elements[`${input.name}_was`].value = value;  // not changed by this user
    const most = Math.max(100, 2 * Number(value || 0), Number(input.value || 0));
    if (!slider.dataset.max || Number(slider.dataset.max) < most) slider.dataset.max = slider.max = most;
    if (document.activeElement !== slider && input.value !== "") slider.value = input.value;
  }
}

function showEffect({ now, then, field, problem }) {
  const place = one("[data-effect]"), bold = (value) => Object.assign(document.createElement("b"), { textContent: value });
  for (const input of inputs) input.toggleAttribute("aria-invalid", false);
  if (problem) {
    inputs.find((it) => it.name === field)?.setAttribute("aria-invalid", "true");
    place.textContent = problem;
  } else {
    place.replaceChildren("End of the queue: ", bold(now), ...(then ? [" → ", bold(then)] : []));
  }
}

async function ask() {
  const query = new URLSearchParams(inputs.map((it) => [it.name, it.value.trim()]));
  const response = await fetch(`${here}/effect?${query}`, { signal: within(5000) });
  if (response.ok) showEffect(await response.json());
}

form.addEventListener("input", ({ target }) => {
  const input = target.dataset.slider ? document.getElementById(target.dataset.slider) : target;
  if (target !== input) input.value = target.value;
  input.dataset.touched = "yes";
  clearTimeout(asking);
  asking = setTimeout(() => ask().catch(() => showEffect({ problem: "The effect cannot be calculated right now." })), ASK_AFTER_MS);
});
one("[data-plain]").hidden = true;
addEventListener("resize", draw);
whileSeen(listen);
