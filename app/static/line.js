// Where somebody stands, worked out from the shared document and the last exact answer. No page, no network.
// `panel_of` and `notice_of` in page_documents.py decide the same on the server; a test compares them.

export function panelOf(status, place) {
  const mine = place?.state;
  if (["removed", "active", "called", "done"].includes(mine)) return mine;
  if (["sold_out", "closed"].includes(status.state)) return status.state;
  if (!mine) return status.state === "scheduled" ? "scheduled" : "door";
  if (mine === "prequeue") return ["scheduled", "prequeue"].includes(status.state) ? "prequeue" : "drawing";
  return mine;
}

export function noticeOf(status, place, lost) {
  const panel = panelOf(status, place);
  if (lost || status.stale) return "lost";
  if (status.state === "paused" && ["door", "drawing", "waiting", "called"].includes(panel)) return "paused";
  if (status.available === 0 && panel === "waiting") return "held";
  return "";
}

// An upper bound that only falls: people who left are skipped, nobody comes in ahead.
export function positionOf(status, place) {
  const bound = Math.max(1, place.queue_number - status.serving_position);
  return Math.min(bound, place.queue_position ?? bound);
}

// How long it will take, even odds and nine in ten; null: nobody is called. `wait_range_s` in rules.py is its twin.
export function waitOf(status, position) {
  const rate = status.admission_rate_per_minute;
  if (!rate) return null;
  const seconds = (position * 60) / (Math.min(status.outflow_per_minute, rate) || rate);
  return { p50: Math.ceil(seconds), p90: Math.ceil(seconds * 1.5) + 5 };
}

// Thousandths of the way from where one began to the front.
export function progressOf(position, began) {
  return began > 1 ? Math.round((1000 * (began - position)) / began) : 0;
}

// Whether the shared document says it is our turn.
export function isTurn(status, place) {
  return place?.state === "waiting" && place.queue_number !== null && status.serving_position >= place.queue_number;
}
