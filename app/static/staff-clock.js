// The console's clock, in the zone named at the top of each page. `staff_time` in app/core/text/formatting.py uses the same formats.
const timeZone = document.querySelector("[data-clock]")?.dataset.clock || "UTC", MINUTE_MS = 60000;
export const zone = timeZone.replaceAll("_", " ");
const MOMENT = /\b[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g;

export const faceOf = (options, language = "en-GB") => new Intl.DateTimeFormat(language, { ...options, timeZone });
const face = faceOf({ dateStyle: "short", timeStyle: "medium" }, "sv-SE");

// The zone's offset from UTC at that moment, in ms.
export const aheadOfUtc = (at) => Date.parse(`${face.format(at).replace(" ", "T")}Z`) - Math.floor(at / 1000) * 1000;

// UTC, UTC+1, UTC-3:30
function offsetName(at) {
  const ahead = Math.round(aheadOfUtc(at) / MINUTE_MS), minutes = Math.abs(ahead) % 60;
  if (!ahead) return "UTC";
  return `UTC${ahead > 0 ? "+" : "-"}${Math.floor(Math.abs(ahead) / 60)}${minutes ? `:${String(minutes).padStart(2, "0")}` : ""}`;
}

export const moment = (at) => `${face.format(at)} ${offsetName(at)}`; // 2026-11-29 15:05:06 UTC+1
export const time = (at) => moment(at).slice(11);
export const momentsIn = (text) => text.replace(MOMENT, (it) => (Number.isNaN(Date.parse(it)) ? it : moment(new Date(it))));
