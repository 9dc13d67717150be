"""What is pressed on a phone is 44 pixels high; links within a text are as high as it."""

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
    """What is too small for a finger, with its height."""
    found: list[str] = await page.evaluate(_FIND)
    return found
