// The check-in page: scans tickets, shows the result of each, and works offline. Scans made offline are stored on the device and sent
// later, repeatedly if necessary: each has an id, and the first scan of a ticket counts.
import { newKey, within } from "./calls.js";
import { openCamera } from "./door-camera.js";
import { codeIn, hashesOf, hashOf, openKept } from "./door-kept.js";
import { tell, wake } from "./door-tell.js";

const EVERY_MS = 3000, ANSWER_MS = 4000, LIST_MS = 60_000, LIST_EVERY_MS = 300_000, SAME_MS = 4000, SENT_MAX = 50, LOG_MAX = 20;
const root = document.querySelector("[data-door]"), at = (name) => root.querySelector(`[data-${name}]`);
const here = root.dataset.door, event = root.dataset.event, zone = root.dataset.zone;
const VERDICTS = {
  checked_in: ["good", "Checked in"], already: ["bad", "Already checked in"], void: ["bad", "Void: cancelled or given away"],
  other_sale: ["bad", "A ticket of another sale"], unknown: ["bad", "Unknown: no such ticket"], undone: ["warn", "Undone"],
};
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone });
const time = (ms) => `${clock.format(ms)} (${zone})`;
const who = (it) => `at ${time(it.at_ms)} by ${it.by} (${it.device})`;

let kept, known = new Set(), whole = false, listAt = 0, listed = -LIST_EVERY_MS, after = 0, skew = 0, online = true, busy = false;
const seen = new Map(), waiting = new Map(), ids = new Map(), conflicts = [];

const now = () => Date.now() + skew; // server time, still correct after hours
const device = () => at("device").value.trim() || "A device without a name";

async function ask(path, fields, ms = ANSWER_MS) {
  const sent = fields && { method: "POST", body: new URLSearchParams(fields) };
  const response = await fetch(here + path, { ...sent, credentials: "same-origin", signal: within(ms), headers: { Accept: "application/json" } });
  if (response.status === 401) at("signed-out").hidden = false;
  if (!response.ok) throw new Error(response.status);
  at("signed-out").hidden = true;
  return response.json();
}

function linked(yes) {
  online = yes;
  const link = at("link");
  link.hidden = false;
  link.className = `chip ${yes ? "good" : "warn"}`;
  link.textContent = yes ? "online" : "offline";
  const count = waiting.size;
  at("waiting").textContent = count ? `${count} ${count === 1 ? "scan waits" : "scans wait"} on this device to be sent.` : "";
}

function counted({ checked_in, tickets, types }) {
  at("in").textContent = checked_in.toLocaleString("en");
  at("tickets").textContent = tickets.toLocaleString("en");
  const values = at("types")?.querySelectorAll("dd") ?? [];
  types.forEach((it, n) => { if (values[n]) values[n].textContent = `${it.checked_in.toLocaleString("en")} of ${it.tickets.toLocaleString("en")}`; });
}

// Who is checked in, by hash of the ticket; kept until the next list, which includes it.
function mark(hash, first) {
  if (!hash || seen.get(hash)?.at_ms === first.at_ms) return;
  seen.set(hash, first);
  kept.put(`seen:${here}:${hash}`, [hash, first]);
}

function unmark(hash) {
  seen.delete(hash);
  kept.drop(`seen:${here}:${hash}`);
}

function heard(news) {
  for (const [hash, at_ms, by, where] of news) {
    if (at_ms) mark(hash, { at_ms, by, device: where });
    else unmark(hash);
  }
}

// --- verdicts ----------------------------------------------------------------------------------------------------
function shown(scan, result, note = "") {
  const [kind, word] = VERDICTS[result.verdict];
  const parts = [result.ticket_type, result.seat, result.name].filter(Boolean).join(" · ");
  const detail = result.verdict === "already" && result.first ? who(result.first) : result.sale || parts;
  tell(at("verdict"), { kind, word: result.word ?? word, detail, note }, at("sound").checked);
  logged(scan, kind, result.word ?? word, detail, result.verdict === "checked_in");
}

function logged(scan, kind, word, detail, may) {
  at("last").hidden = false;
  const line = document.createElement("li"), chip = document.createElement("span");
  chip.className = `chip ${kind}`;
  chip.textContent = word;
  line.append(chip, ` ${time(scan.at)} ${detail} `);
  if (may) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button plain";
    button.textContent = "Undo";
    button.addEventListener("click", () => undo(scan, line, chip, button));
    line.append(button);
  }
  at("log").prepend(line);
  while (at("log").children.length > LOG_MAX) at("log").lastChild.remove();
}

async function undo(scan, line, chip, button) {
  button.disabled = true;
  try {
    if (waiting.has(scan.scan_id)) await settled(scan.scan_id);
    else counted((await ask("/undo", { scan_id: scan.scan_id })).counts);
    unmark(scan.hash);
    chip.className = "chip warn";
    chip.textContent = "Undone";
    button.remove();
    tell(at("verdict"), { kind: "warn", word: "Undone", detail: "The ticket can be checked in again." }, at("sound").checked);
  } catch {
    button.disabled = false;
    tell(at("verdict"), { kind: "warn", word: "Not undone", detail: "This needs a connection: try again." }, at("sound").checked);
  }
  linked(online);
}

function conflicting(text) {
  conflicts.push(text);
  tell(at("verdict"), { kind: "bad", word: "Conflict", detail: text }, at("sound").checked);
  kept.put(`conflicts:${here}`, conflicts).catch(() => {});
  listConflicts();
}

function listConflicts() {
  at("conflicts").hidden = !conflicts.length;
  at("conflict-list").replaceChildren(...conflicts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

// --- scans -------------------------------------------------------------------------------------------------------
const settled = async (id) => { waiting.delete(id); await kept.drop(`scan:${here}:${id}`); };
// A scan whose holder waits for the answer has no time: among simultaneous scans the first one answered counts.
const live = ({ scan_id, code }) => ({ scan_id, code });
const late = (it) => ({ ...live(it), at: new Date(it.at).toISOString() });
const send = (scans) => ask("/scans", { scans: JSON.stringify({ device: device(), scans }) });

// The verdict without the server. A check-in is remembered and sent later.
async function alone(scan) {
  const earlier = seen.get(scan.hash);
  if (earlier) return shown(scan, { verdict: "already", first: earlier }, "Checked on this device alone.");
  if (!known.has(scan.hash)) {
    const word = whole ? "Not on the list of this device" : "Cannot be checked without a connection";
    return shown(scan, { verdict: "unknown", word }, listAt ? `The list is of ${time(listAt)}.` : "");
  }
  waiting.set(scan.scan_id, scan);
  seen.set(scan.hash, { at_ms: scan.at, by: "you", device: device() });
  await kept.put(`scan:${here}:${scan.scan_id}`, scan);
  shown(scan, { verdict: "checked_in" }, "Offline: it will be sent when there is a connection.");
}

async function scanned(text) {
  const code = codeIn(text);
  if (!code) return;
  const scan = { scan_id: ids.get(code) ?? newKey(), code, at: now(), hash: await hashOf(event, code) };
  ids.set(code, scan.scan_id); // until it is answered: if the answer is lost, a rescan is the same scan
  if (online || !scan.hash) {
    try {
      const { results: [result], counts } = await send([live(scan)]);
      ids.delete(code);
      if (result.first) mark(scan.hash, result.first);
      counted(counts);
      linked(true);
      return shown(scan, result, result.also ? `Another device let somebody in later, ${who(result.also)}.` : "");
    } catch {
      linked(false);
    }
  }
  await alone(scan);
  linked(online);
}

async function merge() {
  while (waiting.size) {
    const scans = [...waiting.values()].slice(0, SENT_MAX);
    const { results, counts } = await send(scans.map(late));
    for (const [n, result] of results.entries()) {
      const scan = scans[n], when = `Let in here at ${time(scan.at)} while offline`;
      await settled(scan.scan_id);
      ids.delete(scan.code);
      if (result.first) mark(scan.hash, result.first);
      if (result.verdict === "already") conflicting(`${when}, but already checked in ${who(result.first)}.`);
      else if (result.verdict === "checked_in" && result.also) conflicting(`${when}, and once more ${who(result.also)}.`);
      else if (result.verdict !== "checked_in" && result.verdict !== "undone") conflicting(`${when}, but the ticket is not valid: ${VERDICTS[result.verdict][1]}.`);
    }
    counted(counts);
  }
}

async function listing() {
  const found = await ask("/list", null, LIST_MS);
  await kept.put(`list:${here}`, found);
  await kept.clear(`seen:${here}:`);
  take(found);
}

function take(found) {
  known = hashesOf(found);
  whole = found.whole;
  listAt = after = found.now_ms;
  for (const [hash, at_ms, by, where] of found.seen) seen.set(hash, { at_ms, by, device: where });
  at("kept").textContent = `${known.size.toLocaleString("en")} tickets are known to this device without a connection, as of ${time(listAt)}.${whole ? "" : " There are more than it can keep."}`;
}

async function turn() {
  if (busy) return;
  busy = true;
  try {
    await merge();
    const found = await ask(`/now?after=${after}`);
    skew = found.now_ms - Date.now();
    after = found.now_ms;
    await kept.put("skew", skew);
    heard(found.seen);
    counted(found.counts);
    if (performance.now() - listed > LIST_EVERY_MS) {
      await listing();
      listed = performance.now();
    }
    linked(true);
  } catch {
    linked(false);
  }
  busy = false;
}

// --- the page ----------------------------------------------------------------------------------------------------
let camera = null, last = "", lastAt = 0;

function read(text) {
  const same = text === last && performance.now() - lastAt < SAME_MS;
  [last, lastAt] = [text, performance.now()]; // a code that stays in front of the camera is read once
  if (!same) scanned(text);
}

async function toggle() {
  wake();
  if (camera) {
    camera.stop();
    camera = null;
  } else {
    try {
      camera = await openCamera(at("video"), read);
    } catch (error) {
      const denied = error.name === "NotAllowedError" ? "Allow the camera in the browser's settings." : "There is none, or something else uses it.";
      tell(at("verdict"), { kind: "warn", word: "No camera", detail: `${denied} Codes can be typed.` }, false);
    }
  }
  at("view").hidden = !camera;
  document.body.classList.toggle("scanning", Boolean(camera));
  at("camera").textContent = camera ? "Stop the camera" : "Scan with the camera";
}

async function stay() {
  if (!navigator.serviceWorker || !globalThis.caches) return;
  try {
    await navigator.serviceWorker.register(`${here}/worker.js`, { scope: here });
    const files = performance.getEntriesByType("resource").map((it) => it.name).filter((it) => it.includes("/static/"));
    await (await caches.open("fairgate-door")).addAll([...new Set([here, ...files, new URL("./qr-decode.js", import.meta.url).href, new URL("./qr-index.js", import.meta.url).href])]);
  } catch {
    // Without it, the page works for as long as it stays open.
  }
}

async function begin() {
  kept = await openKept();
  skew = (await kept.get("skew")) ?? 0;
  at("device").value = (await kept.get("device")) ?? "";
  const list = await kept.get(`list:${here}`);
  if (list) take(list);
  for (const [hash, first] of await kept.below(`seen:${here}:`)) seen.set(hash, first);
  for (const it of await kept.below(`scan:${here}:`)) {
    waiting.set(it.scan_id, it);
    seen.set(it.hash, { at_ms: it.at, by: "you", device: device() });
  }
  conflicts.push(...((await kept.get(`conflicts:${here}`)) ?? []));
  listConflicts();
  at("device").addEventListener("change", () => kept.put("device", device()));
  at("settings").classList.remove("asleep");
  at("camera-buttons").classList.toggle("asleep", !navigator.mediaDevices);
  at("camera").addEventListener("click", toggle);
  at("typed").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    wake();
    const field = at("typed").elements.code;
    scanned(field.value);
    field.value = "";
    field.focus();
  });
  addEventListener("online", turn);
  addEventListener("offline", () => linked(false));
  setInterval(turn, EVERY_MS);
  await turn();
  await stay();
}

begin();
