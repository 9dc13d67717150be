"""Touch targets on a phone are 44 pixels high; links within text are as high as the text."""

from __future__ import annotations

from playwright.async_api import Page

_FIND = """
() => {
  const found = [];
  for (const it of document.querySelectorAll("a[href], button, summary, select, input:not([type=hidden])")) {
    const target = it.closest("label") ?? it;
    const { width, height } = target.getBoundingClientRect();
    if (width < 2 || !it.checkVisibility({ checkOpacity: false, visibilityProperty: true })) continue;
    if (it.closest(".skip, .unseen, [hidden]")) continue;
    const around = it.parentElement.textContent.trim().length - it.textContent.trim().length;
    const inText = it.matches("a") && around > 3;
    if (!inText && height < 43.5) found.push(`${Math.round(height)} px: ${it.outerHTML.slice(0, 90)}`);
  }
  return found;
}
"""


async def small_targets(page: Page) -> list[str]:
    """Targets that are too small for a finger, with their heights."""
    found: list[str] = await page.evaluate(_FIND)
    return found
