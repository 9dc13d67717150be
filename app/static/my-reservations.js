// My reservations: counts down holds, and reloads when one expires.
import { heard, tick } from "./clock.js";

heard(Number(document.querySelector("[data-now]").dataset.now));
const over = new Set(tick());
if (!over.size) {
  const ticking = setInterval(() => {
    if (!tick().length) return;
    clearInterval(ticking);
    setTimeout(() => location.reload(), 2500);
  }, 1000);
}
