// The plan of a hall, computed from sections, rows and seat numbers: sections stand in rings around the stage, the first ones in front. The
// unit of length is the width of a seat; an angle of 0 faces the stage.
export const FREE = 0, HELD = 1, SOLD = 2, NONE = 3, BLOCKED = 4;
export const ACCESSIBLE = 1, COMPANION = 2;
const LETTERS = "fhs-b", KINDS = ".ac";
const kindOf = (kinds, k) => (kinds ? Math.max(0, KINDS.indexOf(kinds[k])) : 0);
const ROW = 1.2; // distance between rows
const AISLE = 3, GAP = 6; // between neighbours, and between rings
const FRONT_MIN = 12, FRONT_MAX = 60, ANGLE_MAX = 2.4, FRONT_ANGLE = 1.7;
const PUSH = 1.2; // how much further back a ring may be moved to avoid splitting it
const RINGS_MAX = 6; // one ring per price looks like a hall only while there are few
const SPREAD = 0.55; // how sections widen towards the back: 0 with their angle, 1 not at all

// {sections, rows, x, y, state, bounds, stage}; a seat is an index into x, y and state.
export function planHall(document) {
  const sections = document.sections.filter((it) => it.rows.length).map(sectionOf);
  const byPrice = ringsOf(sections, true);
  const rings = byPrice.length <= RINGS_MAX ? byPrice : ringsOf(sections, false);
  for (const ring of rings) spread(ring);
  for (const it of sections) settle(it);
  const rows = sections.flatMap((it) => it.rows);
  const count = rows.reduce((sum, it) => sum + it.count, 0);
  const hall = { sections, rows, x: new Float32Array(count), y: new Float32Array(count), state: new Uint8Array(count), kind: new Uint8Array(count) };
  let start = 0;
  for (const row of rows) start = placeRow(hall, row, start);
  hall.stage = stageOf(rings[0]?.front ?? FRONT_MIN);
  hall.bounds = [hall.stage, ...rows.map((it) => it.box)].reduce(around);
  return hall;
}

function sectionOf({ ticket_type_id: id, name, price, rows, free, sold, total, sale_from, sale_until, plan }) {
  const section = { id, name, price, free, sold, total, plan, from: Date.parse(sale_from) || 0, until: Date.parse(sale_until) || Infinity };
  section.rows = rows.map((it) => ({ section, label: it.row, first: it.first, states: it.states, kinds: it.kinds ?? "", labels: it.labels, count: it.states.length }));
  section.width = Math.max(...section.rows.map((it) => it.count));
  section.depth = (rows.length - 1) * ROW;
  return section;
}

// Sections of one price get their own rings if few result; each ring then has as many sections as the next.
function ringsOf(sections, byPrice) {
  const groups = [];
  for (const it of sections) {
    const group = groups[groups.length - 1];
    if (group && (!byPrice || group[0].price === it.price)) group.push(it);
    else groups.push([it]);
  }
  const rings = [];
  let front = groups.length ? firstFront(groups[0]) : FRONT_MIN;
  for (const group of groups) {
    let from = 0;
    while (from < group.length) {
      const rest = group.slice(from), own = rest.slice(0, fitting(rest, front));
      front = Math.max(front, widthOf(own) / ANGLE_MAX);
      rings.push({ front, sections: own, angle: widthOf(own) / front });
      front += Math.max(...own.map((it) => it.depth)) + GAP;
      from += own.length;
    }
  }
  return rings;
}

const widthOf = (sections) => sections.reduce((sum, it) => sum + it.width + AISLE, 0);

// How many of them fit into a ring that begins here: all, if that takes little more room, otherwise an even share.
function fitting(sections, front) {
  if (widthOf(sections) <= ANGLE_MAX * front * PUSH) return sections.length;
  let many = 1;
  while (widthOf(sections.slice(0, many + 1)) <= ANGLE_MAX * front) many += 1;
  return Math.min(many, Math.ceil(sections.length / Math.ceil(sections.length / (many + 1))));
}

// Distance of the first row from the centre, so that the first sections curve around the stage.
function firstFront(sections) {
  return Math.min(FRONT_MAX, Math.max(FRONT_MIN, widthOf(sections) / FRONT_ANGLE));
}

function spread({ front, sections, angle }) {
  let at = -angle / 2;
  for (const it of sections) {
    const own = (it.width + AISLE) / front;
    Object.assign(it, { front, centre: at + own / 2, half: it.width / 2 / front });
    it.rows.forEach((row, number) => { row.radius = front + number * ROW; });
    at += own;
  }
}

// A section placed by staff has its middle there, rotated; x and y are relative to the centre of its circle.
function settle(section) {
  Object.assign(section, { x: 0, y: 0 });
  if (!section.plan) return;
  const middle = section.front + section.depth / 2;
  section.centre = (section.plan.turn * Math.PI) / 180;
  section.x = section.plan.x - middle * Math.sin(section.centre);
  section.y = section.plan.y - middle * Math.cos(section.centre);
}

// The point in a section at this distance and angle.
export const placeIn = (section, radius, angle) => [section.x + radius * Math.sin(angle), section.y + radius * Math.cos(angle)];

// The distance and angle of a point, relative to a section.
function seenFrom(section, x, y) {
  const radius = Math.hypot(x - section.x, y - section.y), off = Math.atan2(x - section.x, y - section.y) - section.centre;
  return [radius, Math.atan2(Math.sin(off), Math.cos(off))];
}

// Half the angle of a section at a distance from the centre.
export const halfAt = (section, radius) => section.half * (section.front / radius) ** SPREAD;
const stepOf = (row) => (2 * halfAt(row.section, row.radius)) / row.section.width;

function placeRow(hall, row, start) {
  const step = stepOf(row);
  Object.assign(row, { start, box: { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity } });
  for (let k = 0; k < row.count; k++) {
    const angle = row.section.centre + (k - (row.count - 1) / 2) * step;
    const [x, y] = placeIn(row.section, row.radius, angle);
    [hall.x[start + k], hall.y[start + k]] = [x, y];
    hall.state[start + k] = LETTERS.indexOf(row.states[k]);
    hall.kind[start + k] = kindOf(row.kinds, k);
    row.box = around(row.box, { left: x - 0.6, top: y - 0.6, right: x + 0.6, bottom: y + 0.6 });
  }
  row.section.box = row.section.box ? around(row.section.box, row.box) : row.box;
  return start + row.count;
}

const around = (a, b) => ({
  left: Math.min(a.left, b.left), top: Math.min(a.top, b.top), right: Math.max(a.right, b.right), bottom: Math.max(a.bottom, b.bottom),
});

function stageOf(front) {
  const half = Math.min(front * 0.42, 24), deep = Math.max(3, Math.min(8, front * 0.16)), bottom = front - Math.max(3, front * 0.1);
  return { left: -half, right: half, top: bottom - deep, bottom };
}

// Applies the states of a later document; false if the hall itself has changed.
export function updateHall(hall, document) {
  const sections = document.sections.filter((it) => it.rows.length);
  const rows = sections.flatMap((it) => it.rows);
  const same = rows.length === hall.rows.length && sections.length === hall.sections.length &&
    sections.every((it, n) => JSON.stringify(it.plan) === JSON.stringify(hall.sections[n].plan)) &&
    rows.every((it, n) => it.row === hall.rows[n].label && it.states.length === hall.rows[n].count);
  if (!same) return false;
  sections.forEach(({ free, sold, total, price, name }, n) => Object.assign(hall.sections[n], { free, sold, total, price, name }));
  rows.forEach(({ states, kinds = "" }, n) => {
    const row = hall.rows[n];
    if (kinds !== row.kinds) {
      row.kinds = kinds;
      for (let k = 0; k < row.count; k++) hall.kind[row.start + k] = kindOf(kinds, k);
    }
    if (states === row.states) return;
    row.states = states;
    for (let k = 0; k < row.count; k++) hall.state[row.start + k] = LETTERS.indexOf(states[k]);
  });
  return true;
}

// --- hit testing: arithmetic on angle and distance, so its cost does not grow with the seats ---------------------------
export function sectionAt(hall, x, y) {
  return hall.sections.find((it) => {
    const [radius, angle] = seenFrom(it, x, y);
    return radius > it.front - 1 && radius < it.front + it.depth + 1 && Math.abs(angle) < halfAt(it, radius) + 0.6 / radius;
  });
}

export function seatAt(hall, x, y) {
  const section = sectionAt(hall, x, y);
  if (!section) return -1;
  const [radius, angle] = seenFrom(section, x, y);
  const row = section.rows[Math.min(section.rows.length - 1, Math.max(0, Math.round((radius - section.front) / ROW)))];
  const k = Math.round(angle / stepOf(row) + (row.count - 1) / 2);
  const seat = row.start + k;
  const there = k >= 0 && k < row.count && hall.state[seat] !== NONE;
  return there && Math.hypot(hall.x[seat] - x, hall.y[seat] - y) < 0.75 ? seat : -1;
}

export function rowOf(hall, seat) {
  let low = 0, high = hall.rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (hall.rows[middle].start <= seat) low = middle;
    else high = middle - 1;
  }
  return hall.rows[low];
}

export const numberOf = (row, seat) => (row.labels ? row.labels[seat - row.start].toUpperCase() : String(row.first + seat - row.start));
export const idOf = (hall, seat) => {
  const row = rowOf(hall, seat);
  return `${row.section.id}-${row.label}-${numberOf(row, seat).toLowerCase()}`;
};

export function seatOf(hall, id) {
  const [, name, number] = /^(.*)-([a-z0-9]+)$/.exec(id) ?? [];
  const row = hall.rows.find((it) => `${it.section.id}-${it.label}` === name);
  const k = !row ? -1 : row.labels ? row.labels.indexOf(number) : Number(number) - row.first;
  return k >= 0 && k < row.count && hall.state[row.start + k] !== NONE ? row.start + k : -1;
}

// The nearest seat in a direction: along the row, otherwise the nearest one on that side.
export function neighbour(hall, seat, right, down) {
  const row = rowOf(hall, seat);
  for (let next = seat + right; right && next >= row.start && next < row.start + row.count; next += right) {
    if (hall.state[next] !== NONE) return next;
  }
  let best = -1, least = Infinity;
  for (let other = 0; other < hall.x.length; other++) {
    if (hall.state[other] === NONE || other === seat) continue;
    const x = hall.x[other] - hall.x[seat], y = hall.y[other] - hall.y[seat];
    const along = x * right + y * down, across = Math.abs(x * down) + Math.abs(y * right);
    const far = along + 2 * across;
    if (along > 0.3 && across <= 2 * along && far < least) [best, least] = [other, far];
  }
  return best;
}

// --- the best seats together: in the first row with enough, from the shortest run with enough ---------------------------
export function bestTogether(hall, quantity, sections, isFree) {
  for (const section of sections) {
    for (const row of section.rows) {
      const run = shortestRun(row, quantity, isFree);
      if (run >= 0) return Array.from({ length: quantity }, (_, n) => run + n);
    }
  }
  const [most] = [...sections].sort((a, b) => b.free - a.free);
  return most ? nearTogether(most, quantity, isFree) : [];
}

function shortestRun(row, quantity, isFree) {
  let from = -1, length = Infinity, began = row.start;
  for (let seat = row.start; seat <= row.start + row.count; seat++) {
    if (seat < row.start + row.count && isFree(seat)) continue;
    if (seat - began >= quantity && seat - began < length) [from, length] = [began, seat - began];
    began = seat + 1;
  }
  return from;
}

// Not adjacent: from the first row with a free seat on, as close as possible. [] if there are too few.
function nearTogether(section, quantity, isFree) {
  const seats = [];
  for (const row of section.rows) {
    for (let seat = row.start; seat < row.start + row.count && seats.length < quantity; seat++) if (isFree(seat)) seats.push(seat);
  }
  return seats.length === quantity ? seats : [];
}
