// Calling somebody who does not look at the page: a sound and a notification, each only if it was chosen.
import { RING_MS, ring } from "./ring.js";

const KEPT = "fairgate_alerts"; // in this browser: the names of what was chosen
const box = document.querySelector("[data-alerts]");
const boxes = [...box.querySelectorAll("[data-alert]")];
const refused = box.querySelector("[data-alert-refused]");

const isChosen = (name) => boxes.some((it) => it.dataset.alert === name && it.checked);

// Where storage is blocked the choice holds for this page only.
function keep(chosen) {
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // it is not kept
  }
}

function recall() {
  try {
    return localStorage.getItem(KEPT) ?? "";
  } catch {
    return "";
  }
}

// Once for each turn. Resolves when the sound is over, so that the page may move on.
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
  if (target.dataset.alert === "sound" && target.checked) ring(); // what it is like, and the browser's leave to play
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
