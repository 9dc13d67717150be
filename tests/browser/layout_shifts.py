"""How far a page's content moves by itself after it was first seen (cumulative layout shift).

Browsers forgive what moves within half a second of a click. What moves because an answer arrived counts
here however fast it came: on a slow line it would come later.
"""

from __future__ import annotations

from playwright.async_api import Page

SHIFT_MAX = 0.05
_WATCH = """
window.shifts = { sum: 0, worst: [] };
const answers = [], askFirst = window.fetch;
window.fetch = (...what) => askFirst(...what).finally(() => answers.push(performance.now()));
new PerformanceObserver((list) => {
  for (const it of list.getEntries()) {
    const answered = answers.some((at) => at > it.lastInputTime && at <= it.startTime);
    if (it.hadRecentInput && !answered) continue;
    window.shifts.sum += it.value;
    const names = it.sources.map(({ node }) => node && (node.outerHTML ?? node.data).slice(0, 80));
    window.shifts.worst.push(`${it.value.toFixed(3)}: ${names.join(" | ")}`);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


async def watch_shifts(page: Page) -> None:
    """Watch every document of the page from now on."""
    await page.add_init_script(_WATCH)


async def shifts(page: Page) -> list[str]:
    """What moved in the current document; empty if within the limit."""
    moved: list[str] = await page.evaluate(
        f"() => (window.shifts.sum >= {SHIFT_MAX} ? window.shifts.worst : [])"
    )
    return moved
