// Choosing seats: the map, the list beside it, and the choice. The map is polled every few seconds; until a seat changes the answer is 304,
// which costs nothing.
import { jittered, look as read } from "./calls.js";
import { now } from "./clock.js";
import { FREE, bestTogether, idOf, neighbour, numberOf, planHall, rowOf, seatAt, seatOf, sectionAt, updateHall } from "./hall.js";
import { listen } from "./hall-input.js";
import { hallView } from "./hall-view.js";
import { counted, money } from "./formatting.js";

const LOOK_MS = 2500, LOOK_MAX_MS = 20000, STALE_MS = 12000;
const TOUCH_FROM_PX = 15; // smaller seats are too small for a finger: the first tap zooms in

// Used by booking.js: {ids, count, amount, lose, words}. `problem(code, text)` shows a problem, `changed()` is called after each change.
export async function openSeats(place, { url, currency, decimals, problem, changed, priced }) {
  const words = { ...place.dataset }, canvas = place.querySelector("canvas"), spoken = place.querySelector("[data-spoken]");
  const pattern = (name) => ({ ...document.querySelector(`[data-pattern="${name}"]`).dataset });
  const most = Number(words.most), chosen = new Set(), mine = new Set(), left = pattern("left"), many = pattern("chosen");
  let tag = "", heardAt = 0, hall = planHall(await look());

  const bands = {};
  for (const row of document.querySelectorAll("[data-band]")) bands[row.dataset.type] = Number(row.dataset.band);
  const marks = {
    chosen, mine, bands, words, cursor: -1, only: false,
    isOff: (section) => section.from > now() || section.until <= now(),
    left: (section) => section.sold >= section.total ? left.sold : counted(section.free, left),
  };
  const view = hallView(canvas, hall, marks);
  let list = { show() {}, rebuild() {} };
  const listed = document.querySelector("[data-list]"), parts = { words, hall: () => hall, stateOf, toggle, left: marks.left, kindWord, shows: (seat) => !marks.only || hall.kind[seat] > 0 };
  const openList = async () => { // loaded only when opened
    const { seatList } = await import("./seat-list.js");
    list = seatList(listed, parts);
    list.rebuild();
  };

  function readMine() {
    mine.clear();
    for (const id of words.mine.split(" ").filter(Boolean)) mine.add(seatOf(hall, id));
  }

  // --- seats in words ---------------------------------------------------------------------------------------------------
  function name(seat) {
    const row = rowOf(hall, seat);
    return words.seat.replace("{section}", row.section.name).replace("{row}", row.label.toUpperCase()).replace("{number}", numberOf(row, seat)) + kindWord(seat);
  }
  function kindWord(seat) {
    return hall.kind[seat] ? `, ${[words.kindA, words.kindC][hall.kind[seat] - 1]}` : "";
  }
  function stateOf(seat) {
    if (chosen.has(seat)) return "chosen";
    if (mine.has(seat)) return "mine";
    if (hall.state[seat] === FREE) return marks.isOff(rowOf(hall, seat).section) ? "off" : "free";
    return ["free", "held", "sold", "", "off"][hall.state[seat]];
  }
  const stateWord = (seat) => words[`is${stateOf(seat)[0].toUpperCase()}${stateOf(seat).slice(1)}`];
  const price = (seat) => money(rowOf(hall, seat).section.price, currency, decimals);
  const say = (text) => { spoken.textContent = text; };
  const tell = (seat) => say([name(seat), price(seat), stateWord(seat)].join(". "));
  const amount = () => [...chosen].reduce((sum, seat) => sum + rowOf(hall, seat).section.price, 0);
  const summary = () => `${counted(chosen.size, many)} ${chosen.size ? money(amount(), currency, decimals) : ""}`.trim();

  // --- choosing ---------------------------------------------------------------------------------------------------------
  function toggle(seat) {
    const state = stateOf(seat);
    if (state === "chosen") chosen.delete(seat);
    else if (state !== "free") return void tell(seat);
    else if (chosen.size >= most) return void problem("limit_exceeded");
    else chosen.add(seat);
    problem("");
    say(`${name(seat)}. ${stateWord(seat)}. ${summary()}`);
    show();
  }

  function show() {
    view.invalidate();
    list.show();
    showBasket();
    changed();
  }

  function showBasket() {
    const basket = document.querySelector("[data-basket]"), empty = document.querySelector("[data-basket-empty]");
    const shown = [...chosen].sort((a, b) => a - b).map((seat) => {
      const line = document.createElement("li"), text = document.createElement("span"), cost = document.createElement("span");
      const off = Object.assign(document.createElement("button"), { type: "button", className: "off", textContent: "×" });
      text.textContent = name(seat);
      cost.className = "price";
      cost.textContent = price(seat);
      off.setAttribute("aria-label", words.remove.replace("{seat}", name(seat)));
      off.addEventListener("click", () => {
        toggle(seat);
        (basket.querySelector("button") ?? canvas).focus();
      });
      line.append(text, cost, off);
      return line;
    });
    basket.replaceChildren(...shown);
    empty.hidden = chosen.size > 0;
    document.querySelector("[data-picked]").textContent = [...chosen].sort((a, b) => a - b).map(name).join("; ") || counted(0, many);
  }

  function pickBest() {
    const box = document.querySelector("[data-best]"), quantity = Number(box.querySelector("input").value), only = box.querySelector("select").value;
    if (!(quantity >= 1)) return problem("nothing_chosen");
    if (quantity > most) return problem("limit_exceeded");
    const sections = hall.sections.filter((it) => (!only || it.id === only) && !marks.isOff(it));
    const seats = bestTogether(hall, quantity, sections, (seat) => hall.state[seat] === FREE && !hall.kind[seat]); // others are chosen one by one
    if (!seats.length) return problem("sold_out");
    chosen.clear();
    for (const seat of seats) chosen.add(seat);
    const apart = new Set(seats.map((seat) => rowOf(hall, seat))).size > 1 || seats[seats.length - 1] - seats[0] >= seats.length;
    problem(apart ? "not_together" : "");
    marks.cursor = seats[0];
    view.showBox(boxOf(seats), 16);
    say(`${seats.map(name).join("; ")}. ${summary()}`);
    show();
  }

  const boxOf = (seats) => ({
    left: Math.min(...seats.map((it) => hall.x[it])) - 6, right: Math.max(...seats.map((it) => hall.x[it])) + 6,
    top: Math.min(...seats.map((it) => hall.y[it])) - 5, bottom: Math.max(...seats.map((it) => hall.y[it])) + 5,
  });

  // Somebody else has them: drops them from the choice and says so.
  function lose(seats) {
    const lost = seats.filter((seat) => chosen.delete(seat));
    if (!lost.length) return false;
    problem("seat_taken", lost.map(name).join("; "));
    say(`${words.lost} ${lost.map(name).join("; ")}. ${summary()}`);
    show();
    return true;
  }

  // --- by pointer and by keyboard ---------------------------------------------------------------------------------------
  function tap(px, py, isTouch) {
    const [x, y] = view.world(px, py);
    if (!view.near()) {
      const section = sectionAt(hall, x, y);
      return section ? view.showBox(section.box) : undefined;
    }
    const seat = seatAt(hall, x, y);
    if (seat < 0) return;
    if (isTouch && view.scale() < TOUCH_FROM_PX) return view.zoom(24 / view.scale(), px, py, true);
    marks.cursor = seat;
    toggle(seat);
  }

  const tip = place.querySelector("[data-tip]");
  function hover(px, py) {
    const [x, y] = px === null ? [] : view.world(px, py);
    const seat = px !== null && view.near() ? seatAt(hall, x, y) : -1;
    const section = px !== null && !view.near() ? sectionAt(hall, x, y) : null;
    canvas.style.cursor = section || (seat >= 0 && ["free", "chosen"].includes(stateOf(seat))) ? "pointer" : "grab";
    tip.hidden = seat < 0 && !section;
    if (tip.hidden) return;
    tip.textContent = section ? `${section.name} · ${money(section.price, currency, decimals)} · ${marks.left(section)}` : `${name(seat)} · ${price(seat)} · ${stateWord(seat)}`;
    const [width] = view.size();
    tip.style.transform = `translate(${Math.min(px + 14, width - tip.offsetWidth - 6)}px, ${py > 70 ? py - 46 : py + 18}px)`;
  }

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { key } = event, row = marks.cursor >= 0 ? rowOf(hall, marks.cursor) : hall.rows[0];
    if (STEPS[key]) stand(marks.cursor < 0 ? firstFree() : neighbour(hall, marks.cursor, ...STEPS[key]));
    else if (key === "Home") stand(row.start);
    else if (key === "End") stand(row.start + row.count - 1);
    else if (key === "PageDown" || key === "PageUp") stand(sectionBeside(row.section, key === "PageDown" ? 1 : -1));
    else if (key === "Enter" || key === " ") marks.cursor < 0 ? stand(firstFree()) : toggle(marks.cursor);
    else if (key === "+" || key === "=") view.zoom(1.5, undefined, undefined, true);
    else if (key === "-") view.zoom(1 / 1.5, undefined, undefined, true);
    else if (key === "0") view.showAll();
    else return;
    event.preventDefault();
  }

  function stand(seat) {
    if (seat < 0) return;
    marks.cursor = seat;
    view.reveal(seat);
    tell(seat);
  }
  const firstFree = () => Math.max(0, hall.state.indexOf(FREE));
  const sectionBeside = (section, by) => {
    const at = (hall.sections.indexOf(section) + by + hall.sections.length) % hall.sections.length;
    return hall.sections[at].rows[0].start + (hall.sections[at].rows[0].count >> 1);
  };

  // --- live state -------------------------------------------------------------------------------------------------------
  async function look() {
    const response = await read(`${url}/seats`);
    heardAt = performance.now();
    if (response.headers.get("ETag") === tag) return null;
    tag = response.headers.get("ETag");
    const found = await response.json();
    for (const it of found.sections) it.price = priced(it.ticket_type_id, it.price);
    return found;
  }

  function hear(document) {
    const paid = amount();
    if (!updateHall(hall, document)) { // staff changed the seats on sale: find the chosen ones by name
      const ids = [...chosen].map((seat) => idOf(hall, seat));
      hall = planHall(document);
      chosen.clear();
      for (const id of ids) if (seatOf(hall, id) >= 0) chosen.add(seatOf(hall, id));
      marks.cursor = -1;
      readMine();
      view.replace(hall);
      list.rebuild();
    }
    showKinds();
    if (amount() !== paid) show();
    const lost = [...chosen].filter((seat) => hall.state[seat] !== FREE);
    if (!lose(lost)) {
      view.invalidate();
      list.show();
    }
    changed();
  }

  let wait = LOOK_MS;
  async function again() {
    if (document.visibilityState === "visible") {
      try {
        const found = await look();
        if (found) hear(found);
        wait = LOOK_MS;
      } catch {
        wait = Math.min(LOOK_MAX_MS, wait * 2);
      }
      place.querySelector("[data-stale]").hidden = performance.now() - heardAt < STALE_MS;
    }
    setTimeout(again, jittered(wait));
  }

  // Shows only accessible seats, on the map and in the list.
  function showKinds() {
    const any = hall.kind.some(Boolean);
    for (const it of place.querySelectorAll("[data-kinds]")) it.hidden = !any;
    if (!any) marks.only = false;
  }
  place.querySelector("[data-only]").addEventListener("change", (event) => {
    marks.only = event.target.checked;
    view.invalidate();
    list.rebuild();
  });

  readMine();
  showKinds();
  if (listed.open) openList();
  else listed.addEventListener("toggle", openList, { once: true });
  listen(canvas, view, { tap, hover });
  canvas.addEventListener("keydown", press);
  canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible") && marks.cursor >= 0) view.reveal(marks.cursor); });
  for (const [by, act] of Object.entries({ in: () => view.zoom(1.7, undefined, undefined, true), out: () => view.zoom(1 / 1.7, undefined, undefined, true), all: view.showAll })) {
    place.querySelector(`[data-zoom="${by}"]`).addEventListener("click", act);
  }
  const best = document.querySelector("[data-best] button");
  best.addEventListener("click", pickBest);
  best.disabled = false;
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => view.showBox(hall.sections.find((it) => it.id === button.dataset.show).box));
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) wait = LOOK_MS; });
  setTimeout(again, jittered(LOOK_MS));
  show();
  return {
    ids: () => [...chosen].map((seat) => idOf(hall, seat)),
    sections: () => hall.sections,
    amount, lose: (ids) => lose(ids.map((id) => seatOf(hall, id))),
  };
}
