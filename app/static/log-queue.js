// Replays a queue from its public log, entry by entry, and finds faults. Same as `app/core/assurance/fairness.py`; a test compares both.
import { BeaconDraw } from "./log-beacon.js";
import { Lanes } from "./log-lanes.js";

const QUICKNET = { hash: "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971", genesis: 1692803367, period: 3 };

const HEAD_START_MS = 1000; // how much before its window a turn may end: clocks may be adjusted
const ROUNDING_MS = 2; // between the time of an entry and that of the script that wrote it
const MINUTE_MS = 60000;

// The room's token bucket; assumed to be full after a restore.
class Bucket {
  constructor() {
    Object.assign(this, { rate: 0, burst: 0, open: false, level: Infinity, atMs: 0 });
  }

  settle(atMs) {
    if (atMs === this.atMs) return; // calls returned at this moment may exceed a full bucket, as within a tick
    const more = this.open ? ((atMs - this.atMs) * this.rate) / MINUTE_MS : 0;
    this.level = Math.min(Math.max(this.burst, this.rate / 60, 1), this.level + more);
    this.atMs = atMs;
  }

  giveBack(atMs) {
    this.settle(atMs);
    this.level += 1;
  }

  charge() {
    this.level -= 1;
    if (this.level >= -1 - (ROUNDING_MS * this.rate) / MINUTE_MS) return true;
    this.level = 0;
    return false;
  }
}

function whole(text) {
  if (!/^-?\d+$/.test(text ?? "")) throw new Error(text);
  return Number(text);
}

const given = (text) => {
  if (text === undefined) throw new Error("missing");
  return text;
};

export class Queue {
  constructor(chain = QUICKNET) {
    this.chain = chain; // of the trusted beacon
    this.findings = []; // {leaf, kind}
    this.awaits = []; // rounds that must be named in time: {leaf, named, existsMs}
    this.reveals = []; // seeds to compare with their commitments: {leaf, seed, commitment}
    this.leaf = -1;
    this.atMs = 0;
    this.draws = false; // whether it is a lottery
    this.begin("-", false);
  }

  begin(commitment, lottery) {
    Object.assign(this, { beganAt: this.leaf, settings: new Map(), state: "", bucket: new Bucket(), commitment, seed: "", lottery });
    Object.assign(this, { opened: false, entrants: new Set(), waiting: new Map(), lanes: new Lanes() });
    Object.assign(this, { open: new Map(), calledBefore: new Set(), places: new Map(), last: 0, lastDraw: -1, lastDrawn: 0, given: new Set(), excused: 0 });
    Object.assign(this, { mixes: false, mixed: false, unknownTo: Infinity, byHand: [-1, 0], left: null });
    this.beacon = new BeaconDraw(this.chain, (kind) => this.wrong(kind));
    this.draws = this.draws || lottery;
  }

  wrong(kind) {
    this.findings.push({ leaf: this.leaf, kind });
  }

  take(text) {
    this.leaf += 1;
    const [at, word, ...rest] = text.split(" ");
    try {
      const atMs = whole(at), says = WORDS.get(word);
      if (!says) throw new Error(word);
      if (this.leaf === 0 && word !== "began") this.wrong("no_beginning");
      if (atMs < this.atMs) this.wrong("time");
      this.atMs = Math.max(this.atMs, atMs);
      says(this, rest);
    } catch {
      this.wrong("unreadable");
    }
  }

  finish() {
    if (this.opened && this.lottery && !this.seed) this.wrong("draw_not_revealed");
    if (this.lastDrawn && this.entrants.size) this.wrong("left_out_of_draw");
    if (this.last - this.given.size > this.excused) this.wrong("gap");
  }

  forgive(last) {
    this.unknownTo = last;
    this.calledBefore = new Set(this.open.keys());
    this.lanes.forgive();
  }

  give(number, visitor, lane) {
    this.waiting.set(number, visitor);
    this.places.set(visitor, number);
    this.given.add(number);
    this.last = Math.max(this.last, number);
    this.lanes.give(number, lane === undefined ? 0 : whole(lane));
  }

  charge() {
    const [atMs, left] = this.byHand;
    if (atMs === this.atMs && left > 0) return void (this.byHand = [atMs, left - 1]);
    this.bucket.settle(this.atMs);
    if (this.state !== "open" && this.state !== "") this.wrong("called_while_closed");
    if (!this.bucket.charge()) this.wrong("rate");
  }

  takeTurn([text, visitor], kind) {
    const number = whole(text), turn = this.open.get(number);
    this.open.delete(number);
    this.places.delete(given(visitor));
    if (turn ? turn.visitor !== visitor : number > this.unknownTo) this.wrong(kind);
    return turn;
  }

  endPlace(number, visitor) {
    if (this.entrants.delete(visitor) && this.opened) this.excused += 1; // the number reserved for them stays unused
    if (this.open.delete(number)) this.bucket.giveBack(this.atMs);
    this.waiting.delete(number);
    this.lanes.end(number);
    this.places.delete(visitor);
  }
}

function began(it, rest) {
  if (rest.length !== 4) throw new Error("began");
  if (it.leaf > 0) it.finish();
  it.begin(rest[3], rest[2] === "lottery");
}

function set(it, [name, text, more]) {
  const value = Number(given(text));
  if (more !== undefined || Number.isNaN(value)) throw new Error("set");
  it.bucket.settle(it.atMs);
  it.settings.set(name, value);
  it.bucket.rate = it.settings.get("rate") ?? 0;
  it.bucket.burst = it.settings.get("burst") ?? 0;
}

function state(it, [word]) {
  it.bucket.settle(it.atMs);
  it.state = given(word);
  it.bucket.open = word === "open";
  if (word !== "open" || it.opened) return;
  it.opened = true;
  it.bucket.level = Infinity;
}

function revealed(it, [seed]) {
  if (!/^([0-9a-f]{2})+$/i.test(seed ?? "")) throw new Error("seed");
  it.seed = seed;
  it.reveals.push({ leaf: it.leaf, seed, commitment: it.commitment });
}

// The entropy of a draw besides the seed: announced before anybody joined, and known at the opening.
function mixes(it, rest) {
  if (rest[0] === "beacon") return void it.beacon.mixes(rest, it);
  if (rest[0] !== "entries") return;
  if (it.entrants.size && !it.mixes) it.wrong("draw_mix");
  it.mixes = true;
}

function mixed(it, [root]) {
  if (!it.mixes || it.mixed || it.lastDrawn) it.wrong("draw_mix");
  it.mixed = true;
  if (it.reveals.length) it.reveals[it.reveals.length - 1].log_root = given(root);
}

function awaits(it, rest) {
  const found = it.beacon.awaits(rest, it);
  if (found) it.awaits.push(found);
}

function beacon(it, rest) {
  it.beacon.came(rest);
  if (it.reveals.length) it.reveals[it.reveals.length - 1].beacon = { signature: given(rest[1]) };
}

function restored(it, rest) {
  const [, last] = rest.map(whole);
  if (rest.length !== 3) throw new Error("restored");
  if (last > it.last) {
    it.excused += last - it.last;
    it.last = last;
  }
  if (it.leaf === it.beganAt + 1) it.unknownTo = last;
  else it.forgive(it.last);
  it.bucket.level = Infinity;
}

function lost(it, [count]) {
  it.excused += whole(count);
  it.forgive(it.last + whole(count));
}

function joined(it, [text, visitor, lane]) {
  const number = whole(text);
  given(visitor);
  if (number === 0) return void it.entrants.add(visitor);
  const carried = it.left?.leaf === it.leaf - 1 && it.left.number === number;
  if (!carried && it.waiting.get(it.places.get(visitor) ?? 0) === visitor) it.wrong("two_places");
  if (it.given.has(number) && !carried) it.wrong("given_twice");
  else if (number < it.last && !carried && number > it.unknownTo) it.wrong("inserted");
  if (!it.given.size && it.unknownTo === Infinity) it.excused += number - 1; // the room is older than its log
  it.give(number, visitor, lane);
}

// Rounds of a room in parts end with unused numbers.
function skipped(it, rest) {
  const [count, last] = rest.map(whole);
  if (rest.length !== 2) throw new Error("skipped");
  it.last = Math.max(it.last, last);
  if (count > it.last - it.given.size - it.excused || !(it.settings.get("parts") > 1)) it.wrong("gap");
  it.excused += count;
}

function drawn(it, [text, visitor, drawText, lane]) {
  const number = whole(text), draw = whole(drawText);
  if (!it.entrants.has(visitor) && !it.unknownTo) it.wrong("not_an_entrant");
  if (draw < it.lastDraw || number <= it.lastDrawn) it.wrong("draw_order");
  if (it.given.has(number)) it.wrong("given_twice");
  if (it.mixes && !it.mixed && !it.lastDrawn) it.wrong("draw_mix");
  it.beacon.drew();
  it.entrants.delete(visitor);
  Object.assign(it, { lastDraw: draw, lastDrawn: number });
  it.give(number, visitor, lane);
}

function called(it, [text, visitor, lane]) {
  const number = whole(text), waits = it.waiting.get(number);
  given(visitor);
  if (waits === undefined ? number > it.unknownTo : waits !== visitor) it.wrong("called_without_place");
  it.waiting.delete(number);
  const drawing = it.lottery && it.entrants.size > 0;
  for (const kind of it.lanes.call(number, lane === undefined ? 0 : whole(lane), drawing)) it.wrong(kind);
  if (!it.calledBefore.delete(number)) it.charge(); // otherwise the same turn again: they are back after a restore
  it.open.set(number, { visitor, atMs: it.atMs });
  const cap = it.settings.get("active_max") ?? 0;
  if (cap && it.open.size > cap) it.wrong("cap");
}

function noShow(it, rest) {
  const turn = it.takeTurn(rest, "no_show_without_call"), windowMs = it.settings.get("claim_window_ms") ?? 0;
  if (turn && it.atMs - turn.atMs < windowMs / 2 - HEAD_START_MS) it.wrong("turn_cut_short");
  it.bucket.giveBack(it.atMs);
}

function left(it, [number, visitor]) {
  it.left = { leaf: it.leaf, number: whole(number) };
  it.endPlace(whole(number), given(visitor));
}

const WORDS = new Map(Object.entries({
  began, set, lanes: (it, rest) => { it.lanes.share(rest.map(whole)); }, state, revealed, mixes, mixed, awaits, beacon, missed: (it) => { it.beacon.missed(); }, restored, lost, joined, skipped, drawn, called, left,
  advanced: (it, [count]) => { it.byHand = [it.atMs, whole(count)]; },
  removed: (it, [number, visitor, why]) => { given(why); it.endPlace(whole(number), visitor); },
  passed: (it, [number, , why]) => { given(why); it.lanes.passOver(whole(number)); },
  claimed: (it, rest) => { it.takeTurn(rest, "claimed_without_call"); },
  no_show: noShow,
}));
