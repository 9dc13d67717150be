// Formats numbers, waits, times and money, like `app/core/text/formatting.py` on the server.
const locale = document.documentElement.lang || "en";
const MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400;
const HOURS_FROM_S = 90 * MINUTE_S; // longer waits are shown in hours, since nobody thinks in 137 minutes
const figures = (options) => new Intl.NumberFormat(locale, { numberingSystem: "latn", useGrouping: true, ...options });
const plain = figures();
const unit = (name, unitDisplay, more) => figures({ style: "unit", unit: name, unitDisplay, ...more });
const units = { second: unit("second", "long"), minute: unit("minute", "long"), hour: unit("hour", "long") };
const short = { day: unit("day", "narrow", { useGrouping: false }), hour: unit("hour", "narrow") };
const plurals = new Intl.PluralRules(locale);

export const number = (value) => plain.format(value);

// The time left: 4:05, 1:02:09, 3d 4h. Never negative.
export function clock(leftMs) {
  const left = Math.max(0, Math.ceil(leftMs / 1000));
  if (left >= DAY_S) return `${short.day.format(Math.floor(left / DAY_S))} ${short.hour.format(Math.floor((left % DAY_S) / HOUR_S))}`;
  const two = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor(left / 60), seconds = two(left % 60);
  return minutes < 60 ? `${minutes}:${seconds}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${seconds}`;
}

const rounded = (seconds) =>
  seconds < MINUTE_S ? [0, "minute"]
  : seconds < HOURS_FROM_S ? [Math.round(seconds / MINUTE_S), "minute"]
  : [Math.round(seconds / HOUR_S), "hour"];

// A range, in the template's patterns: data-under, data-about, data-range, data-unknown.
export function wait(estimate, patterns) {
  if (!estimate) return patterns.unknown;
  let [low, high] = [rounded(estimate.p50), rounded(estimate.p90)];
  if (high[0] === 0) return patterns.under;
  if (low[0] === 0) low = [1, "minute"];
  const [a, b] = [units[low[1]].format(low[0]), units[high[1]].format(high[0])];
  if (a === b) return patterns.about.replace("{a}", a);
  if (low[1] === high[1]) return `${plain.format(low[0])}–${b}`;
  return patterns.range.replace("{a}", a).replace("{b}", b);
}

// A duration in one unit, rounded down.
export function duration(seconds) {
  if (seconds < 2 * MINUTE_S) return units.second.format(seconds);
  return seconds < HOURS_FROM_S ? units.minute.format(Math.floor(seconds / MINUTE_S)) : units.hour.format(Math.floor(seconds / HOUR_S));
}

// One of the patterns data-zero, data-one, data-few, ..., data-other, by the plural rules of the page's language.
export function counted(count, patterns) {
  const pattern = count === 0 && patterns.zero !== undefined ? patterns.zero : patterns[plurals.select(count)] ?? patterns.other;
  return pattern.replace("{n}", plain.format(count));
}

// `decimals` come with the page: browsers omit them for currencies whose coins are out of use.
export function money(amount, currency, decimals) {
  const shown = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return figures({ style: "currency", currency, ...shown }).format(amount / 10 ** decimals);
}
