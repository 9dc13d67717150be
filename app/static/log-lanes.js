// Checks the lanes of a queue from its public log: who waits in which lane, and whether shares are kept. Same as `app/core/assurance/fair_lanes.py`;
// a test compares both.

// The lowest of many numbers.
class Heap {
  constructor() {
    this.all = [];
  }

  get least() {
    return this.all[0];
  }

  push(number) {
    const all = this.all;
    let at = all.push(number) - 1;
    for (let up; at && all[(up = (at - 1) >> 1)] > number; at = up) all[at] = all[up];
    all[at] = number;
  }

  pop() {
    const all = this.all, last = all.pop();
    if (!all.length) return;
    let at = 0;
    for (let down; (down = 2 * at + 1) < all.length; at = down) {
      if (down + 1 < all.length && all[down + 1] < all[down]) down += 1;
      if (all[down] >= last) break;
      all[at] = all[down];
    }
    all[at] = last;
  }
}

// A room without lanes has only the ordinary one.
export class Lanes {
  constructor() {
    Object.assign(this, { shares: [100], laneOf: new Map(), fronts: new Map(), mayBeOvertaken: new Set(), apart: new Map() });
  }

  share(shares) {
    Object.assign(this, { shares, apart: new Map() });
  }

  give(number, lane) {
    this.laneOf.set(number, lane);
    if (!this.fronts.has(lane)) this.fronts.set(lane, new Heap());
    this.fronts.get(lane).push(number);
  }

  end(number) {
    this.laneOf.delete(number);
  }

  passOver(number) {
    this.mayBeOvertaken.add(number);
    const lane = this.laneOf.get(number) ?? 0;
    for (const [key, { pair }] of this.apart) if (pair.includes(lane)) this.apart.delete(key);
  }

  forgive() {
    for (const number of this.laneOf.keys()) this.mayBeOvertaken.add(number);
    this.apart = new Map();
  }

  front(lane) {
    const heap = this.fronts.get(lane);
    while (heap?.all.length && (this.laneOf.get(heap.least) !== lane || this.mayBeOvertaken.has(heap.least))) heap.pop();
    return heap?.least;
  }

  // The kinds of faults of this call. During a draw, lanes cannot be compared.
  call(number, lane, drawing) {
    const waits = this.laneOf.get(number), wrong = [];
    if (waits !== undefined && waits !== lane) wrong.push("other_lane");
    const withPeople = drawing ? [] : this.shares.map((_, at) => at).filter((at) => this.front(at) !== undefined);
    this.end(number);
    if (this.front(lane) < number) wrong.push("overtaken");
    if (waits !== undefined && this.shares.length > 1) wrong.push(...this.count(lane, withPeople));
    return wrong;
  }

  count(lane, withPeople) {
    const before = this.apart, wrong = [];
    this.apart = new Map();
    for (const [at, one] of withPeople.entries()) {
      for (const other of withPeople.slice(at + 1)) {
        const key = `${one} ${other}`, pair = [one, other];
        this.apart.set(key, before.get(key) ?? { pair, now: 0, least: 0, most: 0 });
      }
    }
    for (const it of this.apart.values()) {
      if (!it.pair.includes(lane)) continue;
      const ours = this.shares[lane], theirs = this.shares[it.pair[0] + it.pair[1] - lane];
      const by = (lane === it.pair[0] ? 1 : -1) / ours;
      it.now += by;
      Object.assign(it, { least: Math.min(it.least, it.now), most: Math.max(it.most, it.now) });
      if ((by > 0 ? it.now - it.least : it.most - it.now) > 1 / ours + 1 / theirs + 1 / (ours + theirs)) {
        wrong.push("share");
        Object.assign(it, { now: 0, least: 0, most: 0 });
      }
    }
    return wrong;
  }
}
