// Alerts and running sales above every page of the console, from one stream for all tabs of this browser. Sound and tab title are switched
// on per browser, on the alerts page.
import { follow } from "./live.js";
import { ring } from "./ring.js";

if (window.top !== window) document.documentElement.dataset.framed = ""; // the demo page has its own navigation
const place = document.querySelector("[data-alarms]"), lost = document.querySelector("[data-alarms-lost]");
const switches = [...document.querySelectorAll("[data-alarm-switch]")];
const running = document.querySelector("[data-running]");
const title = document.title;
const RUNG_MAX = 50; // alert ids remembered as rung by this browser

// If storage is blocked, nothing is switched on.
function stored(name) {
  try {
    return localStorage.getItem(`fairgate_alarm_${name}`) ?? "";
  } catch {
    return "";
  }
}

function store(name, value) {
  try {
    localStorage.setItem(`fairgate_alarm_${name}`, value);
  } catch {
    // not stored
  }
}

// Rings once per urgent alert, in one of the tabs.
function ringFor(urgent) {
  const rung = stored("rung").split(" ").filter(Boolean), fresh = urgent.filter((it) => !rung.includes(it));
  if (!fresh.length) return;
  store("rung", [...rung, ...fresh].slice(-RUNG_MAX).join(" "));
  if (stored("sound")) ring();
}

// Until the next page load a new alert overlays what is below it, and one that ends leaves its space empty. Otherwise buttons would move
// from under the finger about to press them.
function inPlace(change) {
  const height = place.offsetHeight;
  change();
  place.style.height = "";
  const over = place.offsetHeight > height;
  if (place.offsetHeight !== height) place.style.height = `${height}px`;
  place.classList.toggle("over", over);
}

let unseen = 0;
const showTitle = () => { document.title = stored("title") && unseen ? `(${unseen}) ${title}` : title; };

// Updates the figures one by one while the same sales run, so that no link loses focus.
function run(markup) {
  if (!running || running.dataset.shown === markup) return;
  running.dataset.shown = markup;
  const fresh = new DOMParser().parseFromString(`<ul>${markup}</ul>`, "text/html").querySelector("ul");
  const now = pieces(running), next = pieces(fresh);
  if (names(running) !== names(fresh) || now.length !== next.length) return running.replaceChildren(...fresh.childNodes);
  next.forEach((it, n) => {
    if (now[n].textContent !== it.textContent) now[n].textContent = it.textContent;
    now[n].className = it.className;
  });
}
const pieces = (list) => [...list.querySelectorAll("b, .chip, a")];
const names = (list) => [...list.querySelectorAll("[data-running-sale]")].map((it) => it.dataset.runningSale).join(" ");

function take(alarms) {
  run(alarms.running);
  if (place.dataset.shown !== alarms.html) {
    place.dataset.shown = alarms.html;
    const found = new DOMParser().parseFromString(alarms.html, "text/html").body;
    inPlace(() => place.replaceChildren(...found.childNodes));
  }
  unseen = alarms.unseen;
  showTitle();
  ringFor(alarms.urgent);
}

for (const it of switches) {
  it.checked = Boolean(stored(it.dataset.alarmSwitch));
  it.closest("[hidden]")?.removeAttribute("hidden");
  it.addEventListener("change", () => {
    store(it.dataset.alarmSwitch, it.checked ? "on" : "");
    if (it.dataset.alarmSwitch === "sound" && it.checked) ring(); // a sample, and the browser's permission to play
    showTitle();
  });
}
follow("/admin/alerts/now", take, (link) => { lost.hidden = link !== "lost"; });
