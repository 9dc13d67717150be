// Alerts visitors who are not looking at the page, with a sound and a notification, each only if chosen.
import { RING_MS, ring } from "./ring.js";

const KEPT = "fairgate_alerts"; // storage key in this browser: the names of the chosen alerts
const box = document.querySelector("[data-alerts]");
const boxes = [...box.querySelectorAll("[data-alert]")];
const refused = box.querySelector("[data-alert-refused]");

const isChosen = (name) => boxes.some((it) => it.dataset.alert === name && it.checked);

// If storage is blocked, the choice holds for this page only.
function keep(chosen) {
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // not stored
  }
}

function recall() {
  try {
    return localStorage.getItem(KEPT) ?? "";
  } catch {
    return "";
  }
}

// Alerts once per turn. Resolves when the sound has ended, so that the page may navigate.
export async function alertTurn(title) {
  if (isChosen("notice") && globalThis.Notification?.permission === "granted") {
    const { text } = boxes.find((it) => it.dataset.alert === "notice").dataset;
    new Notification(title, { body: text, tag: location.pathname }).onclick = () => focus();
  }
  if (!isChosen("sound")) return;
  ring();
  await new Promise((done) => setTimeout(done, RING_MS));
}

async function choose({ target }) {
  if (target.dataset.alert === "sound" && target.checked) ring(); // a sample, and the browser's permission to play
  if (target.dataset.alert === "notice" && target.checked) {
    const leave = (await globalThis.Notification?.requestPermission()) ?? "denied";
    target.checked = leave === "granted";
    refused.hidden = target.checked;
  }
  keep(boxes.filter((it) => it.checked).map((it) => it.dataset.alert).join());
}

const kept = recall().split(",");
for (const it of boxes) it.checked = kept.includes(it.dataset.alert);
box.addEventListener("change", choose);
