// The booking page: live stock, a running total, and reserving with one idempotency key per attempt. Where there are seats,
// `seats.js` is loaded besides.
import { newKey, jittered, look, persist } from "./calls.js";
import { heard, tick } from "./clock.js";
import { counted, money } from "./formatting.js";
import { hideProblems, showProblem, whileBusy } from "./form.js";

const root = document.querySelector("[data-event]");
const form = document.querySelector("[data-reserve]");
const url = `/v1/events/${root.dataset.event}`;
const STOCK_MS = 3000, STOCK_MAX_MS = 30000, STOCK_OLD_MS = 1200; // the last: what is shared of it is never older
const hall = document.querySelector("[data-hall]");
let wait = STOCK_MS, seats = null, agreed = null; // agreed: the total we were just told, of what is still chosen

const rows = () => form.querySelectorAll("[data-type]");
const isCounted = (row) => !seats || !("seated" in row.dataset);
const countOf = (row) => Math.max(0, Math.trunc(Number(row.querySelector("input").value)) || 0);

const cost = (sum) => money(sum, root.dataset.currency, Number(root.dataset.decimals));

function amount() {
  let total = seats?.amount() ?? 0;
  for (const row of rows()) if (isCounted(row)) total += countOf(row) * Number(row.dataset.price);
  return agreed ?? total;
}

function showTotal() {
  const total = amount(), line = form.querySelector("[data-total]");
  line.hidden = total === 0;
  line.querySelector("output").textContent = cost(total);
}

function addSteps(row) {
  const input = row.querySelector("input"), label = row.querySelector("label").textContent.trim();
  for (const [sign, by] of [["−", -1], ["+", 1]]) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "button plain step", textContent: sign });
    button.setAttribute("aria-label", `${label} ${sign}1`);
    button.addEventListener("click", () => {
      input.value = Math.min(Number(input.max), Math.max(0, countOf(row) + by));
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    by < 0 ? input.before(button) : input.after(button);
  }
}

function showStock(document) {
  if (document.updated_at) heard(Date.parse(document.updated_at)); // a device that slept lost time
  for (const type of document.ticket_types) {
    const left = form.querySelector(`[data-type="${type.ticket_type_id}"] [data-left]`);
    if (!left) continue;
    left.textContent = type.sold >= type.total ? left.dataset.sold : counted(type.free, left.dataset);
    showPrice(left.closest("[data-type]"), type.price);
  }
}

function showPrice(row, price) {
  if (row.dataset.price === String(price)) return;
  row.dataset.price = price;
  row.querySelector(".price").textContent = cost(price);
  changed();
}

// Another choice, or other prices: what was agreed to is of the past.
function changed() {
  agreed = null;
  showTotal();
}

const lookAtStock = async () => showStock(await (await look(`${url}/availability`)).json());

async function watchStock() {
  if (document.visibilityState === "visible") {
    try {
      await lookAtStock();
      wait = STOCK_MS;
    } catch {
      wait = Math.min(STOCK_MAX_MS, wait * 2);
    }
  }
  setTimeout(watchStock, jittered(wait));
}

// What is asked for, as the body of the call; or the problem with it.
function wish() {
  const chosen = [...rows()].filter((row) => isCounted(row) && countOf(row)), ids = seats?.ids() ?? [];
  const items = chosen.map((row) => ({ ticket_type_id: row.dataset.type, quantity: countOf(row) }));
  if (ids.length) return items.length ? "one_kind" : { seat_ids: ids };
  if (!items.length) return "nothing_chosen";
  if (!chosen.some((row) => "seated" in row.dataset)) return { items };
  return items.length > 1 ? "one_section" : { best_available: items[0] };
}

async function reserve() {
  const body = wish();
  if (typeof body === "string") return showProblem(body);
  hideProblems();
  const key = form.elements.idempotency_key.value;
  const more = { "X-Expected-Amount": String(amount()) };
  const answer = await persist("POST", `${url}/reservations`, { body, key, more }, { onRetry: () => showProblem("retrying") });
  if (answer.status === 201) return location.assign(`/reservations/${answer.body.reservation_id}`);
  // An answered attempt is over: the next press is a new one. Without an answer the key stays the same.
  if (answer.status >= 400 && answer.status < 500) form.elements.idempotency_key.value = newKey();
  if (answer.body?.code === "price_changed") {
    agreed = answer.body.amount;
    showTotal();
    setTimeout(() => lookAtStock().catch(() => {}), STOCK_OLD_MS); // and the price of each
  }
  if (answer.body?.code !== "seat_taken" || !seats?.lose(answer.body.seat_ids ?? [])) showProblem(problemOf(answer));
}

function problemOf({ status, body }) {
  const code = body?.code ?? "";
  if (["booking_token_expired", "credential_invalid", "credential_missing", "wrong_room"].includes(code)) return "session_ended";
  if (document.querySelector(`[data-problem="${code}"]`)) return code;
  return status === 0 || status >= 500 || status === 429 ? "store_unavailable" : "refused";
}

// The map and the list take the place of the numbers of seats; without them, as without a script, those do.
async function openHall() {
  try {
    const { openSeats } = await import("./seats.js");
    hall.hidden = false;
    root.classList.add("mapped");
    seats = await openSeats(hall, {
      url, currency: root.dataset.currency, decimals: Number(root.dataset.decimals), changed: showSeated,
      problem: (code, detail) => (code ? showProblem(code, detail) : hideProblems()),
    });
    for (const element of document.querySelectorAll("[data-map-only]")) element.hidden = false;
    for (const element of document.querySelectorAll("[data-plain-only]")) element.hidden = true;
  } catch (error) {
    console.warn(error);
    hall.hidden = true;
    root.classList.remove("mapped");
  }
  showTotal();
}

function showSeated() {
  if (!seats) return;
  showStock({ ticket_types: seats.sections().map((it) => ({ ...it, ticket_type_id: it.id })) });
  changed();
}

async function begin() {
  rows().forEach(addSteps);
  form.addEventListener("input", () => {
    hideProblems(); // it was about another choice
    changed();
  });
  form.addEventListener("submit", (event) => whileBusy(event, reserve));
  showTotal();
  const ticking = setInterval(() => {
    if (!tick().includes("session_expires_at")) return;
    clearInterval(ticking);
    showProblem("session_ended");
    for (const element of document.querySelectorAll('[data-panel="choose"], [data-hall]')) element.hidden = true;
    root.classList.remove("mapped");
    document.querySelector('[data-panel="outside"]').hidden = false;
  }, 1000);
  if (hall) await openHall();
  if (![...rows()].every((row) => "seated" in row.dataset && seats)) watchStock();
}

heard(Number(root.dataset.now));
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
if (form) begin();
