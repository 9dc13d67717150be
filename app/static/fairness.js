// "Check it in my browser": reads the room's whole public log and recomputes everything, trusting nothing on the page.
import { within } from "./calls.js";
import { drawOf } from "./draw.js";
import { number } from "./formatting.js";
import { Queue } from "./log-queue.js";
import { importedKeys, isSigned, Roots, saidBy } from "./log-tree.js";

const root = document.querySelector("[data-fairness]");
const room = root.dataset.fairness, log = `/v1/rooms/${room}/log`;
const part = (name) => root.querySelector(`[data-${name}]`);
const says = part("says"), checks = part("checks");
const TRIES = 4, AGAIN_MS = 1000, DEADLINE_MS = 20000, BEHIND_MS = 3000;
const ENTRIES = 1000, SHOWN_MAX = 5;
const CHECK_OF = {
  signatures: ["signature"],
  tree: ["rewritten", "cut_off", "head_order"],
  kept: ["forgotten"],
  whole: ["other_room", "no_beginning", "time", "unreadable"],
  numbers: ["given_twice", "inserted", "gap", "two_places"],
  draw: ["seed", "draw_not_revealed", "draw_order", "left_out_of_draw", "not_an_entrant", "draw_mix", "draw_root", "beacon_chain", "beacon_round", "beacon_late"],
  calls: ["overtaken", "other_lane", "share", "called_without_place", "called_while_closed"],
  rate: ["rate", "cap"],
  turns: ["turn_cut_short", "claimed_without_call", "no_show_without_call"],
};
const [hash, genesis, period] = root.dataset.chain.split(" ");
const chain = { hash, genesis: Number(genesis), period: Number(period) }; // of the beacon named by this page
let running = null;

async function read(path) {
  for (let tried = 1; ; tried += 1) {
    try {
      const answer = await fetch(log + path, { signal: within(DEADLINE_MS) });
      if (answer.ok) return await answer.json();
      if (tried === TRIES) throw new Error(answer.status);
    } catch (error) {
      if (tried === TRIES) throw error;
    }
    await new Promise((done) => setTimeout(done, AGAIN_MS * tried));
  }
}

async function readHeads() {
  const { keys, origin } = await read("/head"), heads = [];
  for (let after = 0; ; after = heads[heads.length - 1].size) {
    const page = (await read(`/heads?after=${after}`)).heads;
    if (!page.length) break;
    heads.push(...page);
    if (!(heads[heads.length - 1].size > after)) break;
  }
  const cosignatures = Object.fromEntries(heads.map((head) => [head.size, head.cosignatures]));
  return { keys, origin, cosignatures, heads: heads.map((head) => head.statement) };
}

// The entries up to the newest head. Each page is hashed and checked as it arrives.
async function readEntries(size, roots, queue) {
  const entries = [];
  while (entries.length < size) {
    const page = (await read(`/entries?from=${entries.length}&limit=${Math.min(ENTRIES, size - entries.length)}`)).entries.map(String);
    if (!page.length) break;
    page.forEach((entry, at) => entry.split(" ")[1] === "mixed" && roots.want(entries.length + at));
    await roots.take(page);
    page.forEach((entry) => queue.take(entry));
    entries.push(...page);
    says.textContent = says.dataset.reading.replace("{n}", number(entries.length)).replace("{m}", number(size));
  }
  queue.finish();
  return entries;
}

// The last head this browser verified: its log must be a prefix of any later one.
const KEPT = `fairgate_log_${room}`;

function keptHead() {
  try { return JSON.parse(localStorage.getItem(KEPT)); } catch { return null; }
}

function keepHead(size, rootHash, began) {
  try { localStorage.setItem(KEPT, JSON.stringify({ size, root: rootHash, began })); } catch { /* storage is blocked */ }
}

// Faults in the heads: [{leaf, kind}].
async function judgeHeads(heads, said, imported, entries, roots) {
  const found = [];
  let signed = 0, atMs = 0;
  for (const [at, head] of said.entries()) {
    if (!head || (imported && !(await isSigned(heads[at], imported, "log-head+jwt")))) {
      found.push({ leaf: signed, kind: "signature" });
      continue;
    }
    if (head.room_id !== room) found.push({ leaf: head.size, kind: "other_room" });
    else if (head.size > entries.length) found.push({ leaf: entries.length, kind: "cut_off" });
    else if (roots.get(head.size) !== head.root) found.push({ leaf: head.size, kind: "rewritten" });
    if (head.at_ms < atMs || head.size < signed) found.push({ leaf: head.size, kind: "head_order" });
    [signed, atMs] = [Math.max(signed, head.size), Math.max(atMs, head.at_ms)];
  }
  return found;
}

// Faults that only the whole log shows, and draws whose seed does not match its commitment.
async function judgeRest(entries, said, queue, roots) {
  const found = [];
  for (const { leaf, seed, commitment } of queue.reveals) {
    const { kept } = await drawOf({ commitment, seed }, "");
    if (!kept) found.push({ leaf, kind: "seed" });
  }
  for (const [at, entry] of entries.entries()) {
    const [, said, root] = entry.split(" ");
    if (said === "mixed" && roots.get(at) !== root) found.push({ leaf: at, kind: "draw_root" });
  }
  for (const { leaf, named, existsMs } of queue.awaits) {
    if (!said.some((head) => head && head.size > named && head.at_ms < existsMs)) found.push({ leaf, kind: "beacon_late" });
  }
  const [, word, name] = (entries[0] ?? "").split(" ");
  if (entries.length && (word !== "began" || name !== room)) found.push({ leaf: 0, kind: "other_room" });
  return found;
}

// What the result fills takes its place at once, so that nothing moves when it arrives.
function makeRoom() {
  for (const line of checks.querySelectorAll("[data-check-of]")) {
    delete line.dataset.is;
    line.querySelector("[data-where]").textContent = "";
    line.hidden = { draw: !("draws" in root.dataset), kept: !keptHead() }[line.dataset.checkOf] ?? false;
  }
  checks.hidden = part("save").hidden = false;
}

async function check() {
  const before = keptHead();
  let { keys, origin, cosignatures, heads } = await readHeads();
  if (before && !heads.some((head) => saidBy(head)?.size >= before.size)) { // a cache may be behind: retry once
    await new Promise((done) => setTimeout(done, BEHIND_MS));
    ({ keys, origin, cosignatures, heads } = await readHeads());
  }
  if (!heads.length) return { unsigned: true };
  const said = heads.map(saidBy), imported = await importedKeys(keys), queue = new Queue(chain);
  const sizes = said.map((it) => it?.size ?? 0), roots = new Roots([...sizes, before?.size ?? 0]);
  const entries = await readEntries(Math.max(...sizes), roots, queue);
  const began = (entries[0] ?? "").split(" ").slice(0, 4).join(" ");
  const kept = before?.began === began ? before : null; // a room created again under this name has another log
  const wrong = await judgeHeads(heads, said, imported, entries, roots.found);
  wrong.push(...queue.findings, ...(await judgeRest(entries, said, queue, roots.found)));
  if (kept && roots.found.get(kept.size) !== kept.root) wrong.push({ leaf: Math.min(kept.size, entries.length), kind: "forgotten" });
  const last = said[said.length - 1];
  if (!wrong.length && last) keepHead(last.size, last.root, began);
  return { room_id: room, keys, origin, cosignatures, heads, entries, wrong, unsure: !imported, imported, kept, queue };
}

function show({ unsigned, wrong, unsure, kept, queue, entries }) {
  if (unsigned) return (says.textContent = says.dataset.unsigned);
  says.textContent = says.dataset[wrong.length ? "bad" : unsure ? "partly" : "good"].replace("{n}", number(entries.length));
  for (const line of checks.querySelectorAll("[data-check-of]")) {
    const name = line.dataset.checkOf, its = wrong.filter(({ kind }) => CHECK_OF[name].includes(kind));
    line.hidden = (name === "draw" && !queue.draws) || (name === "kept" && !kept);
    line.dataset.is = its.length ? "bad" : name === "signatures" && unsure ? "unknown" : "good";
    line.querySelector("[data-state]").textContent = checks.dataset[line.dataset.is];
    line.querySelector("[data-where]").textContent = its.slice(0, SHOWN_MAX)
      .map(({ leaf, kind }) => `${checks.dataset.entry.replace("{n}", number(leaf))} (${kind})`).join(", ");
  }
}

// For verification with another program.
function offer({ room_id, keys, origin, cosignatures, heads, entries }) {
  const link = part("save").firstElementChild;
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([JSON.stringify({ room_id, keys, heads, entries, origin, cosignatures })], { type: "application/json" }));
}

function run() {
  running ??= check().finally(() => { running = null; });
  return running;
}

async function runAndShow() {
  if (!crypto.subtle) return void (says.textContent = says.dataset.insecure);
  const button = part("run");
  button.disabled = true;
  makeRoom();
  try {
    const verdict = await run();
    show(verdict);
    if (!verdict.unsigned) offer(verdict);
    return verdict;
  } catch {
    says.textContent = says.dataset.unread;
  } finally {
    button.disabled = false;
  }
}

const isOf = (entry, words, visitor) => {
  const [, word, , name] = (entry ?? "").split(" ");
  return words.includes(word) && name === visitor;
};

// The result for a receipt: the name of a text, and its values.
async function judgeReceipt(text, { entries, imported, queue }) {
  const { statement } = JSON.parse(text), it = saidBy(statement);
  if (!it || it.room_id !== room) return { as: "bad" };
  if (!imported) return { as: "unsure" };
  if (!(await isSigned(statement, imported, "place-receipt+jwt"))) return { as: "bad" };
  if (!it.visitor) return { as: "early" };
  const where = it.leaf ?? entries.findIndex((entry) => isOf(entry, ["joined", "drawn"], it.visitor));
  if (where < 0 || where >= entries.length) return { as: it.leaf === null ? "early" : "missing" };
  const [, word, given, visitor, draw] = entries[where].split(" ");
  if (!["joined", "drawn"].includes(word) || visitor !== it.visitor) return { as: "missing" };
  if (it.leaf !== null && Number(given) !== it.queue_number) return { as: "missing" };
  if (given === "0") return { as: "entrant", leaf: where };
  const [reveal] = queue.reveals.filter(({ leaf }) => leaf < where).slice(-1);
  if (word !== "drawn" || !reveal) return { as: "good", given, leaf: where };
  const mine = await drawOf(reveal, it.visitor_id);
  return { as: mine.draw === Number(draw) ? "drawn" : "draw", given, leaf: where };
}

let newest = null; // the file chosen last: an earlier one's result may be late

async function checkReceipt(file) {
  const answer = part("receipt-says");
  newest = file;
  answer.textContent = "";
  const verdict = await runAndShow();
  if (!verdict || verdict.unsigned) return;
  const { as, given = 0, leaf = 0 } = await judgeReceipt(await file.text(), verdict).catch(() => ({ as: "bad" }));
  if (file !== newest) return;
  answer.textContent = answer.dataset[as].replace("{n}", number(Number(given))).replace("{m}", number(leaf));
}

const box = part("browser");
if (box) {
  part("run").addEventListener("click", runAndShow);
  const chosen = part("receipt"), checkChosen = () => chosen.files[0] && checkReceipt(chosen.files[0]);
  chosen.addEventListener("change", checkChosen);
  checkChosen(); // a file was chosen before this script was ready
}
document.documentElement.dataset.runs = "";
