// Verifies a public log: a Merkle tree (RFC 9162, section 2.1), and signed statements about it.
const HASH = "SHA-256";
const words = new TextEncoder();

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

async function sha256(...parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return new Uint8Array(await crypto.subtle.digest(HASH, all));
}

const leafHash = (entry) => sha256([0], words.encode(entry));
const nodeHash = (left, right) => sha256([1], left, right);

// An append-only tree: for each level, at most one complete subtree without a sibling yet.
export class Tree {
  constructor() {
    this.size = 0;
    this.peaks = [];
  }

  async append(entries) {
    let row = await Promise.all(entries.map(leafHash));
    this.size += entries.length;
    for (let level = 0; row.length; level += 1) {
      const known = this.peaks[level] ? [this.peaks[level], ...row] : row;
      this.peaks[level] = known.length % 2 ? known[known.length - 1] : null;
      row = await Promise.all(Array.from({ length: Math.floor(known.length / 2) }, (_, at) => nodeHash(known[2 * at], known[2 * at + 1])));
    }
  }

  async root() {
    let found = null;
    for (const peak of this.peaks) if (peak) found = found ? await nodeHash(peak, found) : peak;
    return hex(found ?? (await sha256()));
  }
}

// Computes the roots of the trees of these sizes as entries arrive.
export class Roots {
  constructor(sizes) {
    this.tree = new Tree();
    this.due = [...new Set(sizes)].filter((size) => Number.isInteger(size) && size > 0).sort((a, b) => a - b);
    this.found = new Map();
  }

  // Adds a size that has not been reached yet.
  want(size) {
    if (!this.due.includes(size)) this.due = [...this.due, size].sort((a, b) => a - b);
  }

  async take(entries) {
    for (let at = 0, count; at < entries.length; at += count) {
      count = Math.min(entries.length - at, (this.due[0] ?? Infinity) - this.tree.size);
      await this.tree.append(entries.slice(at, at + count));
      if (this.tree.size === this.due[0]) this.found.set(this.due.shift(), await this.tree.root());
    }
  }
}

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (it) => it.charCodeAt(0));
const jsonOf = (text) => JSON.parse(new TextDecoder().decode(bytesOf(text)));

// The keys by id, imported into this browser; null if it lacks Ed25519 (Chrome 137, Firefox 129, Safari 17 have it).
export async function importedKeys(keys) {
  const found = new Map();
  for (const { kid, kty, crv, x } of keys) {
    try {
      found.set(kid, await crypto.subtle.importKey("jwk", { kty, crv, x }, { name: "Ed25519" }, false, ["verify"]));
    } catch {
      return null;
    }
  }
  return found;
}

// The content of a statement, whoever signed it; null if it is malformed.
export function saidBy(statement) {
  try {
    return jsonOf(statement.split(".")[1]);
  } catch {
    return null;
  }
}

// Whether one of the keys signed a statement of this type.
export async function isSigned(statement, keys, type) {
  try {
    const [head, claims, signature] = statement.split(".");
    const { alg, kid, typ } = jsonOf(head), { aud, iss } = jsonOf(claims);
    if (alg !== "EdDSA" || typ !== type || aud !== "fairgate:log" || iss !== "fairgate" || !keys.has(kid)) return false;
    return await crypto.subtle.verify({ name: "Ed25519" }, keys.get(kid), bytesOf(signature), words.encode(`${head}.${claims}`));
  } catch {
    return false;
  }
}
