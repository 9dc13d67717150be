// The visitor's place in the room: join, ask, claim. Each answer becomes {place}, {againMs} or {forgetful}; nothing throws.
import { call, jittered } from "./calls.js";

const AGAIN_MS = 2000;
const OVER = { no_show: "no_show", session_expired: "expired", left: "left", done: "done", removed: "removed" };

const again = (answer) => ({ againMs: jittered(Math.max(answer.retryAfterMs, AGAIN_MS)) });

// The page sets a cookie with the visitor's identity, so that a join whose answer was lost is repeated by the same visitor. If no cookie
// comes back, every join would be another visitor's, so it does not join.
export async function join(url) {
  const answer = await call("POST", `${url}/places`, { body: {}, more: { "X-Place-Cookie": "required" } });
  if (answer.status === 401) return { forgetful: true };
  if (answer.status === 200 || answer.status === 201) return { place: answer.body };
  if (answer.body?.code === "removed") return { place: { state: "removed" } };
  // Also a member who now uses another device.
  if (answer.body?.code === "members_only") return { ...again(answer), outside: true };
  // Newcomers who must identify themselves do so with the page's form.
  if (answer.body?.code === "identity_needed") return { ...again(answer), unknown: true };
  // Not open, closed or sold out: the shared document shows it. Throttled or not reachable: later.
  return again(answer);
}

export async function ask(url) {
  const answer = await call("GET", `${url}/places/me`);
  if (answer.status === 200) return { place: answer.body };
  // Forgotten: join again, including the number.
  if (answer.status === 404 || answer.status === 401) return { place: null };
  if (answer.body?.code === "removed") return { place: { state: "removed" } };
  return again(answer);
}

export async function claim(url) {
  const answer = await call("POST", `${url}/places/me/booking-token`, { body: {} });
  if (answer.status === 200 || answer.status === 201) return { claimed: true };
  if (answer.status === 202) return { place: answer.body, againMs: AGAIN_MS };
  if (answer.status === 404 || answer.status === 401) return { place: null };
  const state = OVER[answer.body?.code];
  return state ? { place: { state } } : again(answer);
}
