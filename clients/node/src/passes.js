// Passes as a site checks them by itself: signature, room and time, and how long ago the gate last agreed.
//
// A pass tells its signature, not whether its session was ended. So the gate is asked again when `recheckMs` are over;
// with the gate away a pass is good by its signature. WebCrypto and `fetch`, nothing else.

const CHECKED_MAX = 50_000; // passes remembered; beyond it the oldest are asked about again
const COOKIE_MAX = 4096;
const KEYS_FRESH_MS = 300_000;
const UNKNOWN_KEY_MS = 10_000; // forged key names cost at most one look at the keys in this

// As WebCrypto calls them; each key verifies the one algorithm it is published for.
const ALGORITHMS = {
  EdDSA: { name: "Ed25519" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
};

const utf8 = new TextEncoder();

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (it) => it.charCodeAt(0));
const json = (text) => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes(text)));

export class Passes {
  #settings;
  #keys = new Map();
  #keysAt = -Infinity;
  #askedAt = -Infinity;
  #reading = null;
  #checked = new Map();

  constructor(settings) {
    this.#settings = settings;
  }

  // The pass, if it is one of this room, signed by a key that is known, and its time is not over; else null.
  async read(token) {
    if (!token || token.length > COOKIE_MAX || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return null;
    try {
      const [head, payload, signature] = token.split(".");
      const header = json(head);
      if (header.typ !== "pass+jwt") return null;
      const known = await this.#key(header.kid);
      if (!known || known.alg !== header.alg) return null;
      const signed = utf8.encode(`${head}.${payload}`);
      if (!(await crypto.subtle.verify(ALGORITHMS[known.alg], known.key, bytes(signature), signed))) return null;
      const claims = json(payload);
      if (claims.aud !== this.#settings.room || typeof claims.sid !== "string") return null;
      if (!(claims.exp > Date.now() / 1000) || !Number.isFinite(claims.iat)) return null;
      return { token, sid: claims.sid, iat: claims.iat, exp: claims.exp, bound: "net" in claims };
    } catch {
      return null; // whatever is no pass
    }
  }

  // Whether the gate need not be asked: it agreed, or gave out the pass, a moment ago.
  isFresh(it, client) {
    const within = Math.min(this.#settings.recheckMs, Math.max(0, (it.exp - it.iat) * 250));
    const at = this.#checked.get(name(it, client));
    if (at !== undefined && Date.now() - at < within) return true;
    const age = Date.now() - it.iat * 1000;
    return !it.bound && age >= 0 && age < within;
  }

  // Whether it goes on while the gate is away: a bound pass only where the gate agreed before.
  wasAgreed(it, client) {
    return !it.bound || this.#checked.has(name(it, client));
  }

  agreed(it, client) {
    this.#checked.delete(name(it, client));
    this.#checked.set(name(it, client), Date.now());
    if (this.#checked.size > CHECKED_MAX) this.#checked.delete(this.#checked.keys().next().value);
  }

  refused(it, client) {
    this.#checked.delete(name(it, client));
  }

  async #key(kid) {
    const known = this.#keys.has(kid) && Date.now() - this.#keysAt < KEYS_FRESH_MS;
    if (!known && Date.now() - this.#askedAt >= UNKNOWN_KEY_MS) {
      this.#askedAt = Date.now();
      this.#reading = this.#readKeys();
    }
    if (!this.#keys.has(kid)) await this.#reading;
    return this.#keys.get(kid);
  }

  async #readKeys() {
    try {
      const { url, timeoutMs } = this.#settings;
      const answer = await fetch(`${url}/.well-known/jwks.json`, { signal: AbortSignal.timeout(timeoutMs) });
      if (!answer.ok) return;
      const found = new Map();
      for (const it of (await answer.json()).keys) {
        if (!Object.hasOwn(ALGORITHMS, it.alg)) continue;
        const { kty, crv, x, y, n, e } = it;
        const public_ = { kty, crv, x, y, n, e };
        const key = await crypto.subtle.importKey("jwk", public_, ALGORITHMS[it.alg], false, ["verify"]);
        found.set(it.kid, { alg: it.alg, key });
      }
      if (!found.size) return;
      this.#keys = found;
      this.#keysAt = Date.now();
    } catch (error) {
      console.warn(`Fairgate's keys cannot be read: ${error.name}`);
    }
  }
}

const name = (it, client) => `${it.bound ? client : ""} ${it.token}`;
