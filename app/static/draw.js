// "Check my draw": compares the published seed with its fingerprint, and computes our draw from it. Loaded on demand.
import { number } from "./formatting.js";

const BITS = 52;
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));

async function hmac(raw, message) {
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", key, message);
}

// {kept, draw}: whether the seed is the promised one, and this visitor's draw, computed as in `rules.py`.
export async function drawOf({ commitment, seed, log_root, beacon }, visitorId) {
  const raw = bytes(seed);
  const kept = hex(await crypto.subtle.digest("SHA-256", raw)) === commitment;
  const mix = log_root ? bytes(log_root) : beacon?.signature && (await crypto.subtle.digest("SHA-256", bytes(beacon.signature)));
  const key = mix ? new Uint8Array(await hmac(raw, mix)) : raw;
  const mac = hex(await hmac(key, new TextEncoder().encode(visitorId)));
  return { kept, draw: parseInt(mac.slice(0, BITS / 4), 16) };
}

export async function checkDraw(root, published, visitorId) {
  const verdict = root.querySelector("[data-verdict]"), { good, bad, insecure } = verdict.dataset;
  if (!crypto.subtle) return (verdict.textContent = insecure);
  const { kept, draw } = await drawOf(published, visitorId);
  verdict.textContent = kept ? good.replace("{draw}", number(draw)).replace("{max}", number(2 ** BITS - 1)) : bad;
}
