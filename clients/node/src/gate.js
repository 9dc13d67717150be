// One request at the gate, whatever runs it: what Fairgate is asked, and what its answer means.
import { Passes } from "./passes.js";

const NOT_FOUND = 404;
const HANDED_ON = ["location", "content-type", "cache-control", "retry-after", "x-fairgate-queue"];
// What only the proxy or we may say, and what is of one connection.
const NOT_ASKED = new Set([
  "host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length",
  "content-encoding", "accept-encoding", "proxy-authorization", "x-original-url", "x-original-method", "x-original-fetch-mode", "x-forwarded-for",
  "x-forwarded-host", "x-forwarded-proto", "x-forwarded-uri", "x-forwarded-method", "x-forwarded-port", "forwarded",
]);
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const AWAY = "The shop cannot let anybody in at the moment. Try again in a few seconds.\n";

export const END = "x-fairgate-end";

export function settingsOf({ url, room, failOpen = false, recheckMs = 10_000, timeoutMs = 5_000, apiKey = "" }) {
  if (!url || !room) throw new TypeError("Fairgate's gate needs `url` and `room`");
  return { url: url.replace(/\/+$/, ""), room, failOpen, recheckMs, timeoutMs, apiKey, cookie: `fairgate_pass_${room}` };
}

export class Gate {
  #settings;
  #passes;

  constructor(options) {
    this.#settings = settingsOf(options);
    this.#passes = new Passes(this.#settings);
  }

  // What becomes of a visit {method, url, client, headers: [[name, value]]}: {passes: true, cookies, shown}, or an
  // answer {passes: false, status, headers, cookies, body}.
  async judge(visit) {
    const shown = await this.shown(visit.headers);
    const bare = !visit.url.includes("fairgate_ticket=");
    if (shown && bare && this.#passes.isFresh(shown, visit.client)) return { passes: true, cookies: [], shown };
    let answer = null;
    try {
      const { url, room, timeoutMs } = this.#settings;
      const asked = `${url}/v1/rooms/${encodeURIComponent(room)}/gate`;
      const signal = AbortSignal.timeout(timeoutMs);
      answer = await fetch(asked, { headers: question(visit), redirect: "manual", signal });
    } catch (error) {
      console.warn(`Fairgate's gate does not answer: ${error.cause?.code ?? error.name}`);
    }
    return this.#judged(visit, shown, answer);
  }

  // The pass that these headers show, if it is a good one.
  shown(headers) {
    return this.#passes.read(cookieOf(headers, this.#settings.cookie));
  }

  // Ends the session of a visit that passed; the cookie to send. With an API key only.
  async end({ shown, cookies }) {
    const ours = cookies.find((it) => it.startsWith(`${this.#settings.cookie}=`));
    const fresh = ours ? await this.#passes.read(ours.slice(this.#settings.cookie.length + 1).split(";")[0]) : null;
    const it = fresh ?? shown;
    if (it) {
      this.#passes.refused(it, "");
      await this.#ended(it.sid);
    }
    return `${this.#settings.cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`;
  }

  async #ended(sid) {
    const { url, room, apiKey, timeoutMs } = this.#settings;
    if (!apiKey) return console.warn("A page ends a session, but Fairgate's gate has no apiKey");
    try {
      const address = `${url}/v1/rooms/${encodeURIComponent(room)}/sessions/${encodeURIComponent(sid)}/end`;
      const signal = AbortSignal.timeout(timeoutMs);
      const answer = await fetch(address, { method: "POST", headers: { authorization: `Bearer ${apiKey}` }, signal });
      if (answer.status !== 204 && answer.status !== NOT_FOUND) console.warn(`Fairgate did not end a session: ${answer.status}`);
    } catch (error) {
      console.warn(`Fairgate did not end a session: ${error.cause?.code ?? error.name}`);
    }
  }

  async #judged(visit, shown, answer) {
    const status = answer?.status ?? 0;
    if (status === 204) {
      const cookies = answer.headers.getSetCookie();
      if (shown && !cookies.length) this.#passes.agreed(shown, visit.client);
      return { passes: true, cookies, shown };
    }
    if (status >= 300 && status < 500 && status !== NOT_FOUND) {
      // A room that is not there is a gate that is away.
      if (shown) this.#passes.refused(shown, visit.client);
      const headers = HANDED_ON.flatMap((it) => (answer.headers.has(it) ? [[it, answer.headers.get(it)]] : []));
      return { passes: false, status, headers, cookies: answer.headers.getSetCookie(), body: await answer.text() };
    }
    await answer?.body?.cancel();
    if (this.#settings.failOpen || (shown && this.#passes.wasAgreed(shown, visit.client))) {
      return { passes: true, cookies: [], shown };
    }
    const headers = [["content-type", "text/plain; charset=utf-8"], ["retry-after", "5"], ["cache-control", "no-store"]];
    return { passes: false, status: 503, headers, cookies: [], body: AWAY };
  }
}

// The headers the gate is asked with. What could not be sent is left out: it is no reason to let anybody pass.
function question(visit) {
  const asked = visit.headers.filter(([name]) => !NOT_ASKED.has(name.toLowerCase()));
  asked.push(["x-original-url", visit.url], ["x-original-method", visit.method], ["x-forwarded-for", visit.client || "127.0.0.1"]);
  asked.push(["x-forwarded-proto", visit.url.split(":")[0]]);
  const mode = asked.find(([name]) => name.toLowerCase() === "sec-fetch-mode"); // `fetch` puts its own in its place
  asked.push(["x-original-fetch-mode", mode?.[1] ?? "navigate"]);
  const found = new Headers();
  for (const [name, value] of asked) {
    if (NAME.test(name.toLowerCase()) && VALUE.test(value)) found.append(name, value);
  }
  return found;
}

function cookieOf(headers, name) {
  let found = "";
  for (const [header, value] of headers) {
    if (header.toLowerCase() !== "cookie") continue;
    for (const pair of value.split(";")) {
      const [key, ...rest] = pair.trim().split("=");
      if (key === name) found = rest.join("=");
    }
  }
  return found;
}

// For what speaks Request and Response: Workers, Next.js. `client` is the visitor's address.
export const visitOf = (request, client) => ({
  method: request.method, url: request.url, client, headers: [...request.headers],
});

export function answerOf({ status, headers, cookies, body }) {
  const told = new Headers(headers);
  for (const it of cookies) told.append("set-cookie", it);
  return new Response(body || null, { status, headers: told });
}
