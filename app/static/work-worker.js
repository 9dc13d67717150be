// Solves a challenge (ALTCHA's protocol, version 1): finds the number whose SHA-256 with the salt is the challenge. SHA-256 is implemented
// here, because crypto.subtle needs a promise per hash, which is many times slower, and is missing without https.
const ROUND = new Int32Array(64), START = new Int32Array(8), words = new Int32Array(64); // signed, as engines store these as integers
const fraction = (it) => Math.floor((it % 1) * 2 ** 32);
for (let at = 2, found = 0; found < 64; at++) {
  let prime = true;
  for (let by = 2; by * by <= at; by++) if (at % by === 0) prime = false;
  if (!prime) continue;
  if (found < 8) START[found] = fraction(Math.sqrt(at));
  ROUND[found++] = fraction(Math.cbrt(at));
}

function compress(state, block) {
  for (let i = 0; i < 16; i++) words[i] = (block[4 * i] << 24) | (block[4 * i + 1] << 16) | (block[4 * i + 2] << 8) | block[4 * i + 3];
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15], y = words[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[i] = (words[i - 16] + s0 + words[i - 7] + s1) | 0;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

// The number, or null. Whole blocks of the salt are hashed once; the rest and the number fit into one or two.
function solve({ challenge, salt, maxnumber }) {
  const text = new TextEncoder().encode(salt), whole = text.length & ~63, rest = text.subarray(whole);
  const wanted = Int32Array.from({ length: 8 }, (_, i) => parseInt(challenge.slice(8 * i, 8 * i + 8), 16));
  const begun = START.slice(), state = new Int32Array(8);
  for (let at = 0; at < whole; at += 64) compress(begun, text.subarray(at, at + 64));
  let tail = null, ends = 0;
  for (let number = 0; number <= maxnumber; number++) {
    const digits = String(number), length = rest.length + digits.length;
    if (length !== ends) {
      tail = new Uint8Array(length < 56 ? 64 : 128);
      tail.set(rest);
      tail[(ends = length)] = 128;
      new DataView(tail.buffer).setUint32(tail.length - 4, 8 * (whole + length));
    }
    for (let i = 0; i < digits.length; i++) tail[rest.length + i] = digits.charCodeAt(i);
    state.set(begun);
    compress(state, tail);
    if (tail.length > 64) compress(state, tail.subarray(64));
    if (state[0] === wanted[0] && state.every((it, i) => it === wanted[i])) return number;
  }
  return null;
}

onmessage = ({ data }) => postMessage(solve(data));
