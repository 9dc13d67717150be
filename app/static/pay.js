// The page of a reservation: its countdown, its payment, and the bank's response.
import { jittered, look as read, newKey, persist, whileSeen } from "./calls.js";
import { heard, now, tick } from "./clock.js";
import { hideProblems, showProblem, whileBusy } from "./form.js";

const root = document.querySelector("[data-reservation]");
const { reservation, status } = root.dataset;
const url = `/v1/reservations/${reservation}`;
const form = document.querySelector("[data-pay]");
const here = location.pathname, asked = `${here}?asked=1`; // with `asked`, a page that still shows a hold reports that the payment failed
const LOOK_MS = 3000, LOOK_AFTER_END_MS = 1500;
let paying = false;

// What the sale asks its buyer, if anything.
function buyer() {
  if (!form.querySelector("[data-buyer]")) return {};
  const said = { answers: {} };
  for (const it of form.querySelectorAll("[data-buyer] [name]")) {
    const value = it.type !== "checkbox" ? it.value : it.checked ? "yes" : "";
    if (it.name.startsWith("answer.")) said.answers[it.name.slice(7)] = value;
    else said[it.name] = it.type === "checkbox" ? it.checked : value;
  }
  return { buyer: said };
}

async function pay() {
  hideProblems();
  paying = true;
  const way = form.elements.way?.value.split(" ") ?? []; // if there are several
  const token = way[1] ?? form.elements.token?.value; // none if the tickets are free
  const method = way[0] ?? form.elements.method?.value ?? "card";
  const body = { ...(token ? { payment: { method, token } } : {}), ...buyer() };
  const key = form.elements.idempotency_key.value;
  const answer = await persist("POST", `${url}/confirm`, { body, key }, { onRetry: () => showProblem("retrying") });
  paying = false;
  if (answer.status === 422 && body.buyer) return HTMLFormElement.prototype.submit.call(form); // shows what is missing
  if (answer.status === 202) return location.assign(answer.body?.continue_url || asked);
  if ([200, 404, 409, 410].includes(answer.status)) return location.replace(here); // the page explains the current state
  if (answer.status >= 400 && answer.status < 500) form.elements.idempotency_key.value = newKey();
  const away = answer.status === 0 || answer.status >= 500 || answer.status === 429;
  showProblem(answer.status === 402 ? "payment_declined" : away ? "store_unavailable" : "refused");
}

// Reloads the page if the status or the end differs from what it shows.
function became(it) {
  const until = document.querySelector('[data-countdown="expires_at"]')?.dataset.until;
  const extended = status === "held" && until && Date.parse(it.expires_at) > Number(until);
  if ((it.status !== status || extended) && !paying) location.replace(status === "paying" ? asked : here);
}

async function look() {
  try {
    const response = await read(url);
    heard(Date.parse(response.headers.get("Date")) || now()); // after sleep, the device's clock is behind
    became(await response.json());
  } catch {
    // not reachable: the next check or the stream will tell
  }
}

function listen() {
  const source = new EventSource(`${url}/events`);
  source.addEventListener("reservation", (event) => became(JSON.parse(event.data)));
  source.onerror = () => setTimeout(look, jittered(LOOK_MS));
  return source;
}

function watch() {
  whileSeen(listen);
  (function again() {
    if (status === "paying") look();
    setTimeout(again, jittered(LOOK_MS));
  })();
}

function everySecond() {
  if (tick().includes("expires_at") && now() % (2 * LOOK_AFTER_END_MS) < LOOK_AFTER_END_MS) look();
}

heard(Number(root.dataset.now));
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
form?.addEventListener("submit", (event) => whileBusy(event, pay));
if (status === "held" || status === "paying") watch();
setInterval(everySecond, 1000);
everySecond();
document.documentElement.dataset.runs = "";
