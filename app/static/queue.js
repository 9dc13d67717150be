// The queue page. It follows the shared document and rarely asks for its own place. Decisions depend on the current state, not on
// transitions: each document and each second trigger whatever is due.
import { heard, isOlder, tick } from "./clock.js";
import { jittered, within } from "./calls.js";
import { isPassable, isReached, panelOf, passedOf, positionOf } from "./position.js";
import { follow } from "./live.js";
import { ask, claim, join } from "./place.js";
import { show, showCookies, showJoining, showLink, turnTitle } from "./show.js";

const root = document.querySelector("[data-room]");
const start = JSON.parse(root.dataset.start);
const url = `/v1/rooms/${start.room_id}`;
const POLL_AFTER_S = 30;
// In the pre-queue the shared document suffices; poll_after_s is for clients that do not receive it.
const patience = (it) => jittered((it?.poll_after_s || POLL_AFTER_S) * (it?.state === "prequeue" ? 2000 : 1000));
const STEP_MS = 1000; // between requests for the visitor's place

let { place, status, began } = start;
status = forMe(status);
if (place) place.passed = passedOf(status, place);
let link = "polling", documentAt = performance.now();
let alerted = false, alerts = null, forgotten = 0;
let busy = false, drawn = false, notBefore = 0, askAt = performance.now() + patience(place);

// The document for this visitor: members are not kept out, and the serving position is that of their lane.
function forMe(next) {
  const { serving_position } = next.lanes?.[place?.lane ?? 0] ?? next;
  return { ...next, serving_position, ...(start.member && { members_only: false }) };
}

function setPlace(next) {
  const sameNumber = next && place && next.queue_number === place.queue_number;
  if (sameNumber && next.about) next.queue_position = Math.min(next.queue_position, place.queue_position ?? Infinity); // both are upper bounds
  place = next;
  status = forMe(status);
  if (place) place.passed = passedOf(status, place);
  askAt = performance.now() + patience(place);
  if (place?.state === "waiting" && (!sameNumber || !began)) remember();
  if (place?.state === "done" && start.place?.state !== "done") location.reload(); // shows what was bought
}

// The start of the progress bar is stored in a cookie, so that a reload draws the same bar, with or without JavaScript.
function remember() {
  began = positionOf(status, place);
  document.cookie = `fairgate_began_${start.room_id}=${place.queue_number}.${began}; path=/rooms/${start.room_id}; max-age=86400; samesite=lax`;
}

function setStatus(next) {
  if (isOlder(next, status)) return;
  next = forMe(next);
  heard(Date.parse(next.updated_at));
  documentAt = performance.now();
  const moved = next.opens_at !== status.opens_at || next.prequeue_at !== status.prequeue_at;
  const backwards = next.serving_position < status.serving_position || next.epoch !== status.epoch;
  if (isReached(next, place) && !isReached(status, place)) askAt = 0;
  status = next;
  if (moved) setTimeout(() => location.reload(), Math.random() * 3000); // some of the page's texts depend on the schedule
  if (backwards && place) askAt = Math.min(askAt, performance.now() + Math.random() * 4000); // restored: show our number soon
  react();
}

async function once(step) {
  if (busy || performance.now() < notBefore) return;
  busy = true;
  const answer = await step(url);
  busy = false;
  notBefore = performance.now() + (answer.againMs ?? (step === join ? 0 : STEP_MS));
  if (answer.claimed) return goOn();
  if (answer.forgetful) return askForCookies();
  if (answer.unknown) { busy = true; setTimeout(() => location.reload(), Math.random() * 3000); }
  if (answer.outside) { start.member = false; status.members_only = true; }
  forgotten = 0;
  if ("place" in answer) setPlace(answer.place);
  react();
}

// Our cookie did not come back. It may have been deleted, so the page sets it again; if that fails, too, it asks to allow cookies.
async function askForCookies() {
  forgotten += 1;
  if (forgotten > 1) return showCookies();
  busy = true;
  await fetch(location.href, { method: "HEAD", signal: within(8000) }).catch(() => { forgotten = 0; });
  busy = false;
  notBefore = performance.now() + jittered(STEP_MS);
}

async function goOn() {
  busy = true; // no more requests while the browser navigates
  await alertOnce();
  location.assign(start.go_on);
}

// Only for visitors who chose alerts, which are in a separate module.
async function alertOnce() {
  if (alerted) return;
  alerted = true;
  await (await alerts)?.alertTurn(turnTitle());
}

// Link previews and prerendered pages run scripts, too; only a visible page takes a place.
const isLookedAt = () => !document.prerendering && document.visibilityState === "visible";

function react() {
  show({ status, place, began, lost: link === "lost" });
  const panel = panelOf(status, place);
  if (panel === "called") alertOnce();
  else if (panel !== "active") alerted = false;
  const joins = panel === "door" && forgotten < 2 && !("unknown" in root.dataset); // without an identity, there is a form to fill in first
  showJoining(joins);
  if ((isReached(status, place) && !isPassable(place)) || place?.state === "called") {
    if (isLookedAt()) return once(claim);
    if (place.state !== "called") return once(ask);
  }
  if (!isLookedAt() && !isReached(status, place)) return; // a hidden tab that may be called at any moment keeps polling
  if (joins) return once(join);
  if (panel === "drawing" && !drawn) {
    drawn = true; // everybody in the pre-queue sees the opening at once: spread the requests
    askAt = performance.now() + Math.random() * Math.min(10000, 500 + status.waiting / 100);
  }
  if (["prequeue", "drawing", "waiting", "returns", "called", "active"].includes(panel) && performance.now() >= askAt) once(ask);
}

function everySecond() {
  const over = tick();
  if (over.includes("claim_by") || over.includes("session_expires_at")) askAt = Math.min(askAt, performance.now() + 1500);
  showLink(link, performance.now() - documentAt);
  react();
}

heard(start.now_ms);
if (place?.state === "waiting" && !began) remember();
follow(url, setStatus, (next) => { link = next; react(); });
setInterval(everySecond, 1000);
document.addEventListener("visibilitychange", react);
document.addEventListener("prerenderingchange", react);
const alertBox = document.querySelector("[data-alerts]");
const loadAlerts = () => (alerts ??= import("./alerts.js").catch(() => null));
alertBox.hidden = false;
alertBox.addEventListener("toggle", loadAlerts);
try {
  if (localStorage.getItem("fairgate_alerts")) loadAlerts();
} catch {
  // storage is blocked: nothing was stored
}
document.querySelector("[data-check]")?.addEventListener("click", async (event) => {
  const { checkDraw } = await import("./draw.js");
  checkDraw(event.target.closest("[data-draw]"), status.draw, place.visitor_id);
});
for (const element of document.querySelectorAll("[data-check]")) element.hidden = false;
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
everySecond();
document.documentElement.dataset.runs = "";
