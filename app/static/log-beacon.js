// Checks draws with the public randomness beacon from a log, like `app/core/assurance/draw_beacon.py`, which also checks the signature.
const LEAD_MS = 10000, NEAR_MS = 60000; // same as in `app/core/assurance/beacon.py`

const number = (text) => (/^\d{1,15}$/.test(text ?? "") ? Number(text) : 0);

export class BeaconDraw {
  // chain: {hash, genesis (s), period (s)}; wrong(kind) records a fault at the current entry.
  constructor(chain, wrong) {
    Object.assign(this, { chain, wrong, known: false, promised: false, announced: 0, awaited: 0, done: false, drawn: false, named: new Map() });
  }

  publishedMs(round) {
    return 1000 * (this.chain.genesis + (round - 1) * this.chain.period);
  }

  isOver(round, atMs) {
    return this.known && round > 0 && this.publishedMs(round) <= atMs;
  }

  first(openingMs) {
    return Math.max(1, 1 + Math.ceil((openingMs + LEAD_MS - 1000 * this.chain.genesis) / (1000 * this.chain.period)));
  }

  mixes([, hash, round], { leaf, atMs, entrants, opened }) {
    const known = hash === this.chain.hash, before = this.known;
    if (!known) this.wrong("beacon_chain");
    if (!this.promised && entrants.size) this.wrong("draw_mix");
    this.known = known;
    const anew = this.promised && (opened || known !== before || this.isOver(this.announced, atMs));
    Object.assign(this, { promised: true, announced: number(round) });
    if (anew || this.isOver(this.announced, atMs)) this.wrong("beacon_round");
    if (!this.named.has(this.announced)) this.named.set(this.announced, leaf);
  }

  // What heads must prove: that the round was named before it existed.
  awaits([round], { leaf, atMs }) {
    if (!this.promised || this.awaited || this.drawn) this.wrong("draw_mix");
    this.awaited = number(round);
    if (!this.known) return null;
    const planned = this.announced > 0 && atMs < this.publishedMs(this.announced) && this.publishedMs(this.announced) <= atMs + NEAR_MS;
    if (planned ? this.awaited !== this.announced : this.awaited < this.first(atMs)) this.wrong("beacon_round");
    return { leaf, named: this.named.get(this.awaited) ?? leaf, existsMs: this.publishedMs(this.awaited) };
  }

  came([round]) {
    if (!this.awaited || this.done || this.drawn) this.wrong("draw_mix");
    this.done = true;
    if (number(round) !== this.awaited) this.wrong("beacon_round");
  }

  missed() {
    this.done = true;
    this.wrong("draw_mix");
  }

  drew() {
    if (this.promised && !this.done && !this.drawn) this.wrong("draw_mix");
    this.drawn = true;
  }
}
