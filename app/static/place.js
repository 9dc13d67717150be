// Our own place in the room: join, ask, claim. Each answer becomes {place}, {againMs} or {forgetful}; nothing throws.
import { call, jittered } from "./calls.js";

const AGAIN_MS = 2000;
const OVER = { no_show: "no_show", session_expired: "expired", left: "left", done: "done", removed: "removed" };

const again = (answer) => ({ againMs: jittered(Math.max(answer.retryAfterMs, AGAIN_MS)) });

// The page set a cookie that says who we are, so a join whose answer was lost is repeated by the same visitor. Without one that
// comes back every join would be another person's: then nothing is joined.
export async function join(url) {
  const answer = await call("POST", `${url}/places`, { body: {}, more: { "X-Place-Cookie": "required" } });
  if (answer.status === 401) return { forgetful: true };
  if (answer.status === 200 || answer.status === 201) return { place: answer.body };
  if (answer.body?.code === "removed") return { place: { state: "removed" } };
  // A member who has another device now is outside, too.
  if (answer.body?.code === "members_only") return { ...again(answer), outside: true };
  // Whoever has to show who they are does so by the page's form.
  if (answer.body?.code === "identity_needed") return { ...again(answer), unknown: true };
  // Not open, closed, sold out: the shared document tells; throttled or away: later.
  return again(answer);
}

export async function ask(url) {
  const answer = await call("GET", `${url}/places/me`);
  if (answer.status === 200) return { place: answer.body };
  // Forgotten: join again, number and all.
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
