// Times are written in the zone of their event, which they name. If the visitor's own clock shows another time, it is added, in their
// preferred format if they read the page's language (14:00 or 2 pm). Runs while the page is parsed, so nothing moves once visible.
(() => {
  const page = document.documentElement, locale = page.lang;
  // The page is laid out as if its module ran; if the module fails to load, as without JavaScript.
  if ("noModule" in HTMLScriptElement.prototype) page.dataset.script = "";
  addEventListener("load", () => setTimeout(() => { if (!("runs" in page.dataset)) delete page.dataset.script; }, 5000));
  const habits = (navigator.languages || []).find((it) => it.split("-")[0] === locale) || locale;
  const face = (at, timeZone, options) => new Intl.DateTimeFormat("en-US", { timeZone, ...options }).format(at);

  function yourTime(at, zone) {
    const isSame = (options) => face(at, zone, options) === face(at, undefined, options);
    if (isSame({ dateStyle: "short", timeStyle: "short" })) return "";
    const day = isSame({ dateStyle: "short" }) ? {} : { dateStyle: "full" };
    return new Intl.DateTimeFormat(habits, { numberingSystem: "latn", ...day, timeStyle: "short" }).format(at);
  }

  const times = document.getElementsByTagName("time");
  let seen = 0;
  function write() {
    for (; seen < times.length; seen++) {
      const element = times[seen];
      try {
        const text = yourTime(new Date(element.dateTime), element.dataset.zone);
        if (text) element.after(Object.assign(document.createElement("span"), { className: "yours", textContent: ` (${page.dataset.yours.replace("{t}", text)})` }));
      } catch (error) { /* the zone is newer than this browser */ }
    }
  }
  const reading = new MutationObserver(write);
  reading.observe(page, { childList: true, subtree: true });
  addEventListener("DOMContentLoaded", () => { write(); reading.disconnect(); });
})();
