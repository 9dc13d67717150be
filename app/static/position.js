// The visitor's position, computed from the shared document and the last exact answer, without page or network. `panel_of` and `notice_of`
// in queue_document.py decide the same on the server; a test compares both.

export function panelOf(status, place) {
  const mine = place?.state;
  if (["removed", "active", "called", "done"].includes(mine)) return mine;
  if (status.state === "sold_out" && mine === "waiting") return "returns";
  if (["sold_out", "closed"].includes(status.state)) return status.state;
  // Not for members: they may join.
  if (!mine) return status.state === "scheduled" ? "scheduled" : status.members_only ? "members" : "door";
  if (mine === "prequeue") return ["scheduled", "prequeue"].includes(status.state) ? "prequeue" : "drawing";
  return mine;
}

export function noticeOf(status, place, lost) {
  const panel = panelOf(status, place);
  if (lost || status.stale) return "lost";
  if (status.state === "paused" && ["door", "drawing", "waiting", "called"].includes(panel)) return "paused";
  if (panel !== "waiting") return "";
  if (["not_on_sale_yet", "sale_over", "nothing_on_sale"].includes(status.blocked)) return status.blocked;
  if (status.available === 0) return "held";
  const tooFew = (status.available ?? place.quantity) < place.quantity;
  return isPassable(place) && (isReached(status, place) || tooFew) ? "fewer" : "";
}

// An upper bound that only falls: people who left are skipped, and nobody is inserted ahead.
export function positionOf(status, place) {
  const bound = Math.max(1, place.queue_number - status.serving_position);
  return Math.min(bound + (place.passed ?? 0), place.queue_position ?? bound);
}

// How many people ahead were skipped; known once an exact place arrives.
export function passedOf(status, place) {
  if (place.about) return 0; // not looked up
  const bound = Math.max(1, place.queue_number - status.serving_position);
  return Math.max(0, (place.queue_position ?? bound) - bound);
}

// The wait in seconds, 50% and 90% quantiles; null if nobody is called. Same as `wait_range_s` in core/wait_estimate.py.
export function waitOf({ pace, lanes }, place, mine = 0) {
  if (!pace?.ranges) return null;
  const position = lanes ? callsBefore(lanes, mine, place) : place;
  const seconds = Math.min(position * pace.first_s, pace.base_s + position * pace.each_s);
  const last = pace.ranges.length - 1, to = pace.ranges.findIndex(([at], i) => at >= seconds || i === last);
  const [a, ...low] = pace.ranges[to - 1], [b, ...high] = pace.ranges[to];
  const [p50, p90] = low.map((it, i) => Math.round(it + ((high[i] - it) * (seconds - a)) / (b - a)) || 1);
  return { p50, p90 };
}

// How many calls it takes until the k-th of a lane is called, including those of other lanes. `calls_before` in core/lanes.py.
function callsBefore(lanes, mine, position) {
  const ofOther = (it) => Math.min(it.waiting, Math.floor((position * it.share) / lanes[mine].share));
  return lanes.reduce((sum, it, at) => (at === mine ? sum : sum + ofOther(it)), position);
}

// Why the wait may be longer than shown a while ago; "" if it is not, or the change is long past.
const SLOWER_SHOWN_MS = 15 * 60 * 1000;
export function slowerOf({ slower, updated_at }) {
  return slower && Date.parse(updated_at) - Date.parse(slower.since) < SLOWER_SHOWN_MS ? slower.why : "";
}

// For how long nobody has been called, in seconds, rounded; 0 if the queue moves, or a notice says why not.
const STEP_S = 10, STEPS_UNTIL_S = 120;
export function stillOf({ still_since }, nowMs, notice) {
  const still = still_since && !notice ? Math.max(0, Math.floor((nowMs - Date.parse(still_since)) / 1000)) : 0;
  return still < STEPS_UNTIL_S ? still - (still % STEP_S) : still;
}

// Progress from the initial position to the front, in thousandths.
export function progressOf(position, began) {
  return began > 1 ? Math.round((1000 * (began - position)) / began) : 0;
}

// Whether the queue has reached the visitor according to the shared document: it is their turn, or they are skipped.
export function isReached(status, place) {
  return place?.state === "waiting" && place.queue_number !== null && status.serving_position >= place.queue_number;
}

// A visitor who wants several tickets is skipped while fewer are free; only their own place shows their turn.
export const isPassable = (place) => place?.quantity > 1;
