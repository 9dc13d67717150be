// The booking page: live stock, a running total, and reserving with one idempotency key per attempt. With seats it also loads `seats.js`.
import { newKey, jittered, look, persist } from "./calls.js";
import { heard, tick } from "./clock.js";
import { counted, money } from "./formatting.js";
import { hideProblems, showProblem, whileBusy } from "./form.js";

const root = document.querySelector("[data-event]");
const form = document.querySelector("[data-reserve]");
const url = `/v1/events/${root.dataset.event}`;
const STOCK_MS = 3000, STOCK_MAX_MS = 30000, STOCK_OLD_MS = 1200; // STOCK_OLD_MS: maximum age of the shared stock document
const hall = document.querySelector("[data-hall]");
let wait = STOCK_MS, seats = null, agreed = null; // agreed: the total last stated by the server, if it still applies to the choice

const rows = () => form.querySelectorAll("[data-type]");
const isCounted = (row) => !seats || !("seated" in row.dataset) || "unmapped" in row.dataset; // opened by a code, so not on the map
const countOf = (row) => Math.max(0, Math.trunc(Number(row.querySelector("input").value)) || 0);

// The price of a ticket with the visitor's code; same as `reduced` in `app/core/catalogue/codes.py`.
function reduced(row, price) {
  if (!row || !("coded" in row.dataset)) return price;
  const off = Math.floor((price * Number(form.dataset.percent) + 50) / 100) + Number(form.dataset.offTicket);
  return Math.max(0, price - off);
}

// The code's discount on the order, for the tickets it covers.
function reduction() {
  let sum = 0;
  for (const row of form.querySelectorAll("[data-coded]")) {
    const mine = seats?.ids().filter((id) => id.startsWith(`${row.dataset.type}-`) && id.split("-").length === row.dataset.type.split("-").length + 2) ?? [];
    sum += Number(row.dataset.price) * (isCounted(row) ? countOf(row) : mine.length);
  }
  return Math.min(sum, Number(form.dataset.offOrder ?? 0));
}

// The booking fee for the current choice; same as `fee_of` in `app/core/payments/sums.py`.
function fee(sum) {
  if (!("feePerTicket" in form.dataset) || !sum) return 0;
  const typeOf = (id) => id.split("-").slice(0, -2).join("-");
  const priceOf = (id) => Number(form.querySelector(`[data-type="${typeOf(id)}"]`)?.dataset.price ?? 1);
  let paid = seats?.ids().filter((id) => priceOf(id) > 0).length ?? 0;
  for (const row of rows()) if (isCounted(row) && Number(row.dataset.price) > 0) paid += countOf(row);
  return Number(form.dataset.feePerTicket) * paid + Math.floor((2 * sum * Number(form.dataset.feeRateBp) + 10000) / 20000);
}

const cost = (sum) => money(sum, root.dataset.currency, Number(root.dataset.decimals));

function tickets() {
  let total = seats?.amount() ?? 0;
  for (const row of rows()) if (isCounted(row)) total += countOf(row) * Number(row.dataset.price);
  return total - reduction();
}

const amount = () => agreed ?? tickets() + fee(tickets());

function showTotal() {
  const total = amount(), line = form.querySelector("[data-total]");
  line.hidden = total === 0;
  line.querySelector("output").textContent = cost(total);
  showFee(total);
}

// The parts of a total stated by the server are unknown.
function showFee(total) {
  const line = form.querySelector("[data-fee]");
  if (!line) return;
  line.hidden = total === 0 || agreed !== null;
  line.querySelector("output").textContent = line.hidden ? "" : cost(fee(tickets()));
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

function showStock(document, priced = reduced) {
  if (document.updated_at) heard(Date.parse(document.updated_at)); // after sleep, the device's clock is behind
  for (const type of document.ticket_types) {
    const left = form.querySelector(`[data-type="${type.ticket_type_id}"] [data-left]`);
    if (!left) continue;
    left.textContent = type.sold >= type.total ? left.dataset.sold : counted(type.free, left.dataset);
    const row = left.closest("[data-type]");
    showPrice(row, priced(row, type.price));
  }
}

function showPrice(row, price) {
  if (row.dataset.price === String(price)) return;
  row.dataset.price = price;
  row.querySelector(".price").textContent = cost(price);
  changed();
}

// With another choice or other prices, the agreed total no longer applies.
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

// The choice as the body of the call, or the problem with it.
function wish() {
  const chosen = [...rows()].filter((row) => isCounted(row) && countOf(row)), ids = seats?.ids() ?? [];
  const items = chosen.map((row) => ({ ticket_type_id: row.dataset.type, quantity: countOf(row) }));
  if (!items.length && !ids.length) return "nothing_chosen";
  const best = items.filter((_, n) => "seated" in chosen[n].dataset), plain = items.filter((it) => !best.includes(it));
  if (best.length + Boolean(ids.length) > 1) return "one_section";
  return { ...(plain.length && { items: plain }), ...(ids.length && { seat_ids: ids }), ...(best.length && { best_available: best[0] }) };
}

async function reserve() {
  const body = wish();
  if (typeof body === "string") return showProblem(body);
  if (form.elements.code) body.code = form.elements.code.value;
  hideProblems();
  const key = form.elements.idempotency_key.value;
  const more = { "X-Expected-Amount": String(amount()) };
  const answer = await persist("POST", `${url}/reservations`, { body, key, more }, { onRetry: () => showProblem("retrying") });
  if (answer.status === 201) return location.assign(`/reservations/${answer.body.reservation_id}`);
  // An answered attempt is over, so the next press starts a new one. Without an answer the key stays the same.
  if (answer.status >= 400 && answer.status < 500) form.elements.idempotency_key.value = newKey();
  if (answer.body?.code === "price_changed") {
    agreed = answer.body.amount;
    showTotal();
    setTimeout(() => lookAtStock().catch(() => {}), STOCK_OLD_MS); // and the prices
  }
  if (answer.body?.code !== "seat_taken" || !seats?.lose(answer.body.seat_ids ?? [])) showProblem(problemOf(answer));
}

function problemOf({ status, body }) {
  const code = body?.code ?? "";
  if (["booking_token_expired", "credential_invalid", "credential_missing", "wrong_room"].includes(code)) return "session_ended";
  if (document.querySelector(`[data-problem="${code}"]`)) return code;
  return status === 0 || status >= 500 || status === 429 ? "store_unavailable" : "refused";
}

// The map and the list replace the number fields of seats; without either, as without JavaScript, those remain.
async function openHall() {
  try {
    const { openSeats } = await import("./seats.js");
    seats = await openSeats(hall, {
      priced: (id, price) => reduced(form.querySelector(`[data-type="${id}"]`), price),
      url, currency: root.dataset.currency, decimals: Number(root.dataset.decimals), changed: showSeated,
      problem: (code, detail) => (code ? showProblem(code, detail) : hideProblems()),
    });
  } catch (error) {
    console.warn(error);
    root.classList.add("plain");
  }
  showTotal();
}

function showSeated() {
  if (!seats) return;
  showStock({ ticket_types: seats.sections().map((it) => ({ ...it, ticket_type_id: it.id })) }, (_, price) => price);
  changed();
}

async function begin() {
  rows().forEach(addSteps);
  form.addEventListener("input", () => {
    hideProblems(); // it was about the previous choice
    changed();
  });
  form.addEventListener("submit", (event) => whileBusy(event, reserve));
  showTotal();
  const ticking = setInterval(() => {
    if (!tick().includes("session_expires_at")) return;
    clearInterval(ticking);
    showProblem("session_ended");
    document.querySelector('[data-panel="choose"]').hidden = true;
    root.classList.add("plain");
    document.querySelector('[data-panel="outside"]').hidden = false;
  }, 1000);
  if (hall) await openHall();
  if (![...rows()].every((row) => "seated" in row.dataset && seats)) watchStock();
}

document.documentElement.dataset.runs = "";
heard(Number(root.dataset.now));
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
if (form) begin();
