// The booking page: live stock, a running total, and reserving with one idempotency key per attempt.
import { newKey, jittered, persist } from "./calls.js";
import { heard, localTimes, tick } from "./clock.js";
import { counted, money } from "./words.js";
import { hideProblems, showProblem, whileBusy } from "./form.js";

const root = document.querySelector("[data-event]");
const form = document.querySelector("[data-reserve]");
const url = `/v1/events/${root.dataset.event}`;
const STOCK_MS = 3000, STOCK_MAX_MS = 30000;
let wait = STOCK_MS;

const rows = () => form.querySelectorAll("[data-type]");
const countOf = (row) => Math.max(0, Math.trunc(Number(row.querySelector("input").value)) || 0);

function showTotal() {
  let total = 0;
  for (const row of rows()) total += countOf(row) * Number(row.dataset.price);
  const line = form.querySelector("[data-total]");
  line.hidden = total === 0;
  line.querySelector("output").textContent = money(total, root.dataset.currency);
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
  for (const type of document.ticket_types) {
    const left = form.querySelector(`[data-type="${type.ticket_type_id}"] [data-left]`);
    if (!left) continue;
    left.textContent = type.sold >= type.total ? left.dataset.sold : counted(type.free, left.dataset);
  }
}

async function watchStock() {
  if (document.visibilityState === "visible") {
    try {
      const response = await fetch(`${url}/availability`, { signal: AbortSignal.timeout(8000) });
      if (!response.ok) throw new Error(response.status);
      showStock(await response.json());
      wait = STOCK_MS;
    } catch {
      wait = Math.min(STOCK_MAX_MS, wait * 2);
    }
  }
  setTimeout(watchStock, jittered(wait));
}

async function reserve() {
  const chosen = [...rows()].filter(countOf), seated = chosen.some((row) => "seated" in row.dataset);
  const items = chosen.map((row) => ({ ticket_type_id: row.dataset.type, quantity: countOf(row) }));
  hideProblems();
  if (!items.length) return showProblem("nothing_chosen");
  if (seated && items.length > 1) return showProblem("one_section");
  const body = seated ? { best_available: items[0] } : { items };
  const key = form.elements.idempotency_key.value;
  const answer = await persist("POST", `${url}/reservations`, { body, key }, { onRetry: () => showProblem("retrying") });
  if (answer.status === 201) return location.assign(`/reservations/${answer.body.reservation_id}`);
  // An answered attempt is over: the next press is a new one. Without an answer the key stays the same.
  if (answer.status >= 400 && answer.status < 500) form.elements.idempotency_key.value = newKey();
  showProblem(problemOf(answer));
}

function problemOf({ status, body }) {
  const code = body?.code ?? "";
  if (["booking_token_expired", "credential_invalid", "credential_missing", "wrong_room"].includes(code)) return "session_ended";
  if (document.querySelector(`[data-problem="${code}"]`)) return code;
  return status === 0 || status >= 500 || status === 429 ? "store_unavailable" : "refused";
}

function begin() {
  rows().forEach(addSteps);
  form.addEventListener("input", showTotal);
  form.addEventListener("submit", (event) => whileBusy(event, reserve));
  showTotal();
  watchStock();
  const ticking = setInterval(() => {
    if (!tick().includes("session_expires_at")) return;
    clearInterval(ticking);
    showProblem("session_ended");
    document.querySelector('[data-panel="choose"]').hidden = true;
    document.querySelector('[data-panel="outside"]').hidden = false;
  }, 1000);
}

heard(Number(root.dataset.now));
localTimes();
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
if (form) begin();
