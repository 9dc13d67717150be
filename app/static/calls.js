// Calls to our own API. A network failure is returned like any answer, with status 0.
const AGAIN = new Set([0, 429, 502, 503, 504]);
const DEADLINE_MS = 15000;
const LOOK_MS = 8000;

export const jittered = (ms) => ms * (0.75 + Math.random() / 2);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// `AbortSignal.timeout` for browsers without it.
export function within(ms) {
  const deadline = new AbortController();
  setTimeout(() => deadline.abort(), ms);
  return deadline.signal;
}

// Reads a document that is polled; throws if it fails.
export async function look(url) {
  const response = await fetch(url, { signal: within(LOOK_MS) });
  if (!response.ok) throw new Error(response.status);
  return response;
}

// A stream for this page alone, while it is visible: over HTTP/1.1 a browser opens six connections per host, however many tabs there are.
// It begins with the current state, so nothing is missed. `open` returns an EventSource, and may call its argument to have another one
// opened.
export function whileSeen(open) {
  let source = null;
  const close = () => { source?.close(); source = null; };
  const see = () => {
    if (document.visibilityState !== "visible") close();
    else if (!source) source = open(() => { close(); see(); });
  };
  document.addEventListener("visibilitychange", see);
  see();
}

// {status, body, retryAfterMs}; body is null unless the answer is JSON.
export async function call(method, url, { body, key, more } = {}) {
  const headers = { Accept: "application/json", ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  try {
    const response = await fetch(url, {
      method, headers, credentials: "same-origin", signal: within(DEADLINE_MS),
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
    const retryAfterMs = 1000 * Number(response.headers.get("Retry-After") ?? 0);
    return { status: response.status, body: isJson ? await response.json() : null, retryAfterMs };
  } catch {
    return { status: 0, body: null, retryAfterMs: 0 };
  }
}

// Repeats the call with the same key until it is answered, so that a lost answer never creates a second one.
export async function persist(method, url, options, { tries = 5, onRetry = () => {} } = {}) {
  for (let attempt = 1; ; attempt++) {
    const answer = await call(method, url, options);
    if (!AGAIN.has(answer.status) || attempt === tries) return answer;
    onRetry(answer);
    await sleep(jittered(Math.max(answer.retryAfterMs, 500 * 2 ** attempt)));
  }
}

export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
