"""How far a page's content moves by itself after it was first seen (cumulative layout shift)."""

from __future__ import annotations

from playwright.async_api import Page

SHIFT_MAX = 0.05
_WATCH = """
window.shifts = { sum: 0, worst: [] };
new PerformanceObserver((list) => {
  for (const it of list.getEntries()) {
    if (it.hadRecentInput) continue;
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
