// Choosing seats on the console's map, to block, keep or mark them. The form sends their ids.
import { neighbour, idOf, numberOf, planHall, rowOf, seatAt, seatOf, sectionAt, NONE } from "./hall.js";
import { listen } from "./hall-input.js";
import { hallView } from "./hall-view.js";

const TOUCH_FROM_PX = 15; // smaller seats are too small for a finger: the first tap zooms in
const STATES = ["on sale", "held", "sold", "", "not on sale"], KINDS = ["", ", accessible", ", companion"], BANDS = 5;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const form = document.querySelector("[data-choice]"), canvas = form.querySelector("canvas"), tip = form.querySelector("[data-tip]");
const said = form.querySelector("[data-said]"), field = form.elements.seat_ids, most = Number(form.dataset.most);
const chosen = new Set(), number = new Intl.NumberFormat("en");

async function open(document_) {
  const hall = planHall(document_), free = (it) => `${number.format(it.free)} on sale`;
  const bands = Object.fromEntries(hall.sections.map((it, n) => [it.id, n % BANDS]));
  const marks = { chosen, mine: new Set(), bands, words: { stage: "Stage" }, cursor: -1, only: false, isOff: () => false, left: free };
  const view = hallView(canvas, hall, marks);

  const name = (seat) => `${rowOf(hall, seat).section.name}, row ${rowOf(hall, seat).label.toUpperCase()}, seat ${numberOf(rowOf(hall, seat), seat)}`;
  const tell = (seat) => { said.textContent = `${name(seat)}: ${chosen.has(seat) ? "chosen" : STATES[hall.state[seat]]}${KINDS[hall.kind[seat]]}`; };

  // The chosen seats by row, with runs combined: "Stalls A: 1-6, 9".
  function inWords() {
    const rows = new Map();
    for (const seat of [...chosen].sort((a, b) => a - b)) {
      const row = rowOf(hall, seat), runs = rows.get(row) ?? [], last = runs[runs.length - 1];
      if (last && last[1] === seat - 1) last[1] = seat;
      else runs.push([seat, seat]);
      rows.set(row, runs);
    }
    const run = (row, [from, to]) => (from === to ? numberOf(row, from) : `${numberOf(row, from)}-${numberOf(row, to)}`);
    return [...rows].map(([row, runs]) => `${row.section.name} ${row.label.toUpperCase()}: ${runs.map((it) => run(row, it)).join(", ")}`).join("; ");
  }

  function show() {
    view.invalidate();
    field.value = [...chosen].map((seat) => idOf(hall, seat)).join(" ");
    const count = form.querySelector("[data-count]");
    count.textContent = !chosen.size ? "No seat chosen" : `${number.format(chosen.size)} ${chosen.size === 1 ? "seat" : "seats"} chosen`;
    if (chosen.size > most) count.textContent += `, more than ${number.format(most)} at once`;
    form.querySelector("[data-picked]").textContent = inWords();
    form.querySelector("[data-change]").disabled = !chosen.size || chosen.size > most;
  }

  function choose(seats, on) {
    for (const seat of seats) if (hall.state[seat] !== NONE) on ? chosen.add(seat) : chosen.delete(seat);
    show();
    said.textContent = form.querySelector("[data-count]").textContent;
  }
  const between = (from, to) => Array.from({ length: Math.abs(to - from) + 1 }, (_, n) => Math.min(from, to) + n);
  const rowSeats = (row) => between(row.start, row.start + row.count - 1);

  function toggle(seat, upTo) {
    const from = marks.cursor, along = upTo && from >= 0 && rowOf(hall, from) === rowOf(hall, seat);
    marks.cursor = seat;
    choose(along ? between(from, seat) : [seat], along || !chosen.has(seat));
    if (!along) tell(seat);
  }

  let shift = false;
  canvas.addEventListener("pointerup", (event) => { shift = event.shiftKey; }, { capture: true });
  function tap(px, py, isTouch) {
    const [x, y] = view.world(px, py);
    if (!view.near()) {
      const section = sectionAt(hall, x, y);
      return section ? view.showBox(section.box) : undefined;
    }
    const seat = seatAt(hall, x, y);
    if (seat < 0) return;
    if (isTouch && view.scale() < TOUCH_FROM_PX) return view.zoom(24 / view.scale(), px, py, true);
    toggle(seat, shift);
  }

  function hover(px, py) {
    const [x, y] = px === null ? [] : view.world(px, py);
    const seat = px !== null && view.near() ? seatAt(hall, x, y) : -1;
    const section = px !== null && !view.near() ? sectionAt(hall, x, y) : null;
    canvas.style.cursor = section || seat >= 0 ? "pointer" : "grab";
    tip.hidden = seat < 0 && !section;
    if (tip.hidden) return;
    tip.textContent = section ? `${section.name} · ${free(section)}` : `${name(seat)} · ${STATES[hall.state[seat]]}${KINDS[hall.kind[seat]]}`;
    const [width] = view.size();
    tip.style.transform = `translate(${Math.min(px + 14, width - tip.offsetWidth - 6)}px, ${py > 70 ? py - 46 : py + 18}px)`;
  }

  function stand(seat) {
    if (seat < 0) return;
    marks.cursor = seat;
    view.reveal(seat);
    tell(seat);
  }
  const sectionBeside = (section, by) => {
    const { rows } = hall.sections[(hall.sections.indexOf(section) + by + hall.sections.length) % hall.sections.length];
    return rows[0].start + (rows[0].count >> 1);
  };

  canvas.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { key } = event, at = marks.cursor, row = rowOf(hall, Math.max(0, at));
    if (STEPS[key]) stand(at < 0 ? row.start : neighbour(hall, at, ...STEPS[key]));
    else if (key === "PageDown" || key === "PageUp") stand(sectionBeside(row.section, key === "PageDown" ? 1 : -1));
    else if (key === "Enter" || key === " ") at < 0 ? stand(row.start) : toggle(at, false);
    else if (key.toLowerCase() === "r" && at >= 0) choose(rowSeats(row), !rowSeats(row).every((it) => chosen.has(it) || hall.state[it] === NONE));
    else if (key === "+" || key === "=") view.zoom(1.5, undefined, undefined, true);
    else if (key === "-") view.zoom(1 / 1.5, undefined, undefined, true);
    else if (key === "0") view.showAll();
    else return;
    event.preventDefault();
  });

  for (const id of field.value.split(" ").filter(Boolean)) if (seatOf(hall, id) >= 0) chosen.add(seatOf(hall, id));
  listen(canvas, view, { tap, hover });
  for (const [by, act] of Object.entries({ in: () => view.zoom(1.7, undefined, undefined, true), out: () => view.zoom(1 / 1.7, undefined, undefined, true), all: view.showAll })) {
    form.querySelector(`[data-zoom="${by}"]`).addEventListener("click", act);
  }
  form.querySelector("[data-clear]").addEventListener("click", () => { chosen.clear(); show(); });
  show();
}

fetch(form.dataset.seats).then(async (answer) => {
  if (!answer.ok) return;
  const found = await answer.json();
  for (const it of form.querySelectorAll("[data-needs-script]")) it.hidden = false;
  form.querySelector("[data-without-script]").hidden = true;
  open(found);
});
