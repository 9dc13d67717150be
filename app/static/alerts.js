// Calling somebody who does not look at the page: a sound and a notification, each only if it was chosen.
const KEPT = "fairgate_alerts"; // in this browser: the names of what was chosen
const NOTES_HZ = [660, 880, 1320], NOTE_S = 0.28;
const box = document.querySelector("[data-alerts]");
const boxes = [...box.querySelectorAll("[data-alert]")];
const refused = box.querySelector("[data-alert-refused]");
let audio;

const isChosen = (name) => boxes.some((it) => it.dataset.alert === name && it.checked);

function ring() {
  audio ??= new AudioContext();
  audio.resume(); // a page that was not touched yet stays silent: the browser decides
  NOTES_HZ.forEach((frequency, n) => {
    const note = new OscillatorNode(audio, { frequency }), loudness = new GainNode(audio, { gain: 0 });
    const from = audio.currentTime + n * NOTE_S;
    loudness.gain.linearRampToValueAtTime(0.25, from + 0.02);
    loudness.gain.linearRampToValueAtTime(0, from + NOTE_S);
    note.connect(loudness).connect(audio.destination);
    note.start(from);
    note.stop(from + NOTE_S);
  });
}

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
  await new Promise((done) => setTimeout(done, NOTES_HZ.length * NOTE_S * 1000));
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
