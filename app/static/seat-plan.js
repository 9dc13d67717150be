// The console's hall plan: sections are dragged, or moved by keys, and the form's numbers follow. The numbers are what is saved.
import { halfAt, placeIn, planHall } from "./hall.js";

const SVG = "http://www.w3.org/2000/svg", STEPS = 10, FAR = 5, TURN = 5;
const KEYS = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], PageUp: [0, 0, -TURN], PageDown: [0, 0, TURN] };
const form = document.querySelector("[data-plan]"), svg = form.querySelector("svg"), said = form.querySelector("[data-said]");
let map, hall, scale = 1;

const make = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
const field = (id, name) => form.elements[`${name}-${id}`];
const rounded = (value) => String(Math.round(value * 10) / 10);

// The position of a section: from the form, otherwise the automatic one.
function placeOf(section) {
  const [x, y] = placeIn(section, section.front + section.depth / 2, section.centre);
  return { x, y, turn: (section.centre * 180) / Math.PI };
}

function read() {
  for (const it of map.sections) {
    const [x, y, turn] = ["x", "y", "turn"].map((name) => field(it.ticket_type_id, name)?.value.trim().replace(",", ".") ?? "");
    it.plan = (x || y) && [x, y, turn].every((text) => Number.isFinite(Number(text))) ? { x: Number(x), y: Number(y), turn: Number(turn) } : null;
  }
}

function write(id, { x, y, turn }) {
  field(id, "x").value = rounded(x);
  field(id, "y").value = rounded(y);
  field(id, "turn").value = rounded(turn);
}

// The first move fixes the positions of all sections, so that none jumps when another leaves its ring.
function fixAll() {
  for (const it of hall.sections) if (!it.plan) write(it.id, placeOf(it));
}

function move(id, right, back, turn) {
  fixAll();
  const place = placeOf(hall.sections.find((it) => it.id === id));
  write(id, { x: place.x + right, y: place.y + back, turn: place.turn + turn });
  draw();
}

function outline(section) {
  const front = section.front - 0.9, back = section.front + section.depth + 0.9, points = [];
  for (const [radius, way] of [[front, 1], [back, -1]]) {
    const half = halfAt(section, Math.max(1, radius)) + 0.75 / Math.max(1, radius);
    for (let n = 0; n <= STEPS; n++) points.push(placeIn(section, radius, section.centre + way * half * ((2 * n) / STEPS - 1)));
  }
  return points.map((point) => point.map(rounded).join(",")).join(" ");
}

function draw() {
  read();
  hall = planHall(map);
  const held = document.activeElement?.dataset?.id, { left, top, right, bottom } = hall.bounds, { stage } = hall;
  const shapes = hall.sections.map((it) => {
    const { x, y, turn } = placeOf(it), group = make("g", { tabindex: 0, role: "button", "data-id": it.id, "aria-label": `${it.name}: ${rounded(x)} to the right, ${rounded(y)} from the stage, turned by ${rounded(turn)} degrees` });
    const text = make("text", { x, y, "text-anchor": "middle", "dominant-baseline": "middle" });
    text.style.fontSize = `${Math.max(1.2, Math.min(2.2, (1.5 * it.width) / Math.max(6, it.name.length)))}px`;
    text.textContent = it.name;
    group.append(make("polygon", { points: outline(it) }), text);
    return group;
  });
  const front = make("rect", { class: "stage", x: stage.left, y: stage.top, width: stage.right - stage.left, height: stage.bottom - stage.top, rx: 1 });
  svg.replaceChildren(front, ...shapes);
  svg.setAttribute("viewBox", [left - 4, top - 3, right - left + 8, bottom - top + 6].map(rounded).join(" "));
  if (held) svg.querySelector(`[data-id="${held}"]`)?.focus();
}

svg.addEventListener("keydown", (event) => {
  const id = event.target.dataset.id, step = KEYS[event.key];
  if (!id || !step || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const by = event.shiftKey ? FAR : 1;
  move(id, step[0] * by, step[1] * by, step[2]);
  said.textContent = svg.querySelector(`[data-id="${id}"]`).getAttribute("aria-label");
});

svg.addEventListener("pointerdown", (event) => {
  const group = event.target.closest("[data-id]");
  if (!group || event.button) return;
  event.preventDefault();
  group.focus();
  scale = svg.getScreenCTM().a;
  const { id } = group.dataset;
  let from = [event.clientX, event.clientY], shape = group, sum = [0, 0];
  const drag = (next) => { // the view stays fixed until the section is dropped
    sum = [(next.clientX - from[0]) / scale, (next.clientY - from[1]) / scale];
    shape.setAttribute("transform", `translate(${sum.join(" ")})`);
  };
  const drop = () => {
    removeEventListener("pointermove", drag);
    for (const name of ["pointerup", "pointercancel"]) removeEventListener(name, drop);
    if (sum[0] || sum[1]) move(id, sum[0], sum[1], 0);
  };
  addEventListener("pointermove", drag);
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, drop);
});
form.addEventListener("change", () => map && draw());

fetch(form.dataset.seats).then(async (answer) => {
  if (!answer.ok) return;
  map = await answer.json();
  svg.closest("[data-needs-script]").hidden = false;
  draw();
});
