// Renders the current state on the page: panel, notice, figures. All texts come from the template.
import { now, setCountdown } from "./clock.js";
import { panelOf, noticeOf, positionOf, progressOf, slowerOf, stillOf, waitOf } from "./position.js";
import { counted, duration, number, wait } from "./formatting.js";

const SAY_AGAIN_MS = 60000; // the live region repeats the wait at most this often
const all = (selector) => document.querySelectorAll(selector);
const stub = document.querySelector("[data-shown]");
const live = document.querySelector("[data-live]");
const name = document.querySelector("[data-title]").dataset.title;
const QUEUEING = ["prequeue", "drawing", "waiting", "returns"]; // same as in queue_document.py
const BEFORE_TICKETS = ["scheduled", "door", "prequeue", "drawing", "waiting", "returns"]; // same as there
const icon = document.querySelector('link[rel="icon"]'), usualIcon = icon.href;
const turnIcon = document.querySelector("[data-turn]").dataset.turn;
let shown = { panel: stub.dataset.shown, notice: visibleNotice(), wait: "" }, saidAt = 0;

function visibleNotice() {
  return document.querySelector("[data-notice]:not([hidden])")?.dataset.notice ?? "";
}

function fill(slot, text) {
  for (const element of all(`[data-fill="${slot}"]`)) {
    const value = typeof text === "function" ? text(element.dataset) : text;
    if (element.textContent !== value) element.textContent = value;
  }
}

const only = (attribute, wanted) => {
  for (const element of all(`[data-${attribute}]`)) element.hidden = element.dataset[attribute] !== wanted;
};

function say(text) {
  live.textContent = text;
  saidAt = performance.now();
}

export function show({ status, place, began, lost }) {
  const panel = panelOf(status, place), notice = noticeOf(status, place, lost);
  fill("message", status.message);
  for (const element of all('[data-fill="message"]')) element.hidden = !status.message;
  fill("waiting", (patterns) => counted(status.waiting, patterns));
  setCountdown("claim_by", Date.parse(place?.claim_by) || 0);
  setCountdown("session_expires_at", Date.parse(place?.session_expires_at) || 0);
  fill("available", number(status.available ?? 0));
  fill("seed", status.draw?.seed ?? "");
  fill("log_root", status.draw?.log_root ?? "");
  fill("round", String(status.draw?.beacon?.round ?? ""));
  fill("randomness", ({ missed }) => status.draw?.beacon?.randomness ?? (status.draw?.beacon?.missed ? missed : ""));
  fill("visitor", place?.visitor_id ?? "");
  for (const element of all('[data-fill="revealed"]')) element.hidden = !(status.draw?.seed && place?.queue_number);
  fill("held", (patterns) => counted(status.held ?? 0, patterns));
  fill("quantity", number(place?.quantity ?? 1));
  if (panel === "waiting") showLine(status, place, began, notice);
  if (panel === "returns") showReturns(status, place);
  document.title = titleOf(panel, status, place);
  for (const element of all('[data-when="in-line"]')) element.hidden = !["prequeue", "waiting"].includes(place?.state);
  for (const element of all('[data-when="queueing"]')) element.hidden = !QUEUEING.includes(panel);
  for (const element of all('[data-when="joinable"]')) element.hidden = ["sold_out", "closed"].includes(status.state);
  for (const element of all('[data-when="leavable"]')) element.hidden = !["waiting", "returns"].includes(panel);
  for (const element of all('[data-when="newcomer"]')) element.hidden = ["closed", "members"].includes(panel);
  for (const element of all('[data-when="before-tickets"]')) element.hidden = !BEFORE_TICKETS.includes(panel);
  if (panel !== shown.panel) showPanel(panel);
  if (notice !== shown.notice) {
    only("notice", (shown.notice = notice));
    if (notice) say(document.querySelector(`[data-notice="${notice}"]`).textContent.trim());
  }
}

function showPanel(panel) {
  only("panel", (shown.panel = panel));
  only("leave", panel);
  stub.dataset.shown = panel;
  icon.href = panel === "called" ? turnIcon : usualIcon;
  const parts = document.querySelectorAll(`[data-panel="${panel}"] h2, [data-panel="${panel}"] .lead`);
  say(Array.from(parts, (part) => part.textContent.trim()).join(". "));
}

function showLine(status, place, began, notice) {
  const position = positionOf(status, place), stopped = notice && notice !== "lost";
  const estimate = stopped ? null : waitOf(status, position, place.lane); // while nobody is called there is nothing to estimate from
  fill("position", number(position));
  fill("ahead", (patterns) => (position > 1 || estimate ? counted(position - 1, patterns) : patterns.first));
  fill("queue_number", number(place.queue_number));
  fill("serving_position", number(status.serving_position));
  const still = stillOf(status, now(), notice);
  only("slower", notice === "paused" || still ? "" : slowerOf(status));
  for (const element of all('[data-when="still"]')) element.hidden = !still;
  let told = "";
  fill("wait", (patterns) => (told = still ? patterns.still.replace("{t}", duration(still)) : wait(estimate, patterns)));
  for (const bar of all('[data-fill="progress"]')) bar.value = Math.max(bar.value, progressOf(position, began));
  if (told !== shown.wait && performance.now() - saidAt > SAY_AGAIN_MS) {
    say(`${document.getElementById("ahead").textContent}. ${told}.`);
    shown.wait = told;
  }
}

// Sold out: positions do not change until a ticket comes back, so the last exact answer is the best available.
function showReturns(status, place) {
  fill("returns_ahead", (patterns) => counted((place.queue_position ?? positionOf(status, place)) - 1, patterns));
  fill("my_number", number(place.queue_number));
}

function titleOf(panel, status, place) {
  if (panel === "waiting") return `#${number(positionOf(status, place))} · ${name}`;
  return `${document.querySelector(`[data-panel="${panel}"] h2`).textContent.trim()} · ${name}`;
}

export const turnTitle = () => `${document.querySelector('[data-panel="called"] h2').textContent.trim()} · ${name}`;

// The live indicator: live, or how old the figures are.
export function showLink(link, ageMs) {
  for (const dot of all('[data-fill="dot"]')) dot.classList.toggle("on", link === "live");
  fill("updated", ({ liveText, just, ago }) =>
    link === "live" ? liveText : ageMs < 10000 ? just : ago.replace("{t}", number(Math.round(ageMs / 1000))));
}

export function showCookies() {
  const told = document.querySelector("[data-cookies]");
  told.hidden = false;
  say(told.textContent.trim());
}

export function showJoining(joining) {
  for (const element of all('[data-fill="joining"]')) element.hidden = !joining;
}
