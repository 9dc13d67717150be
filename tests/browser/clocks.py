"""Times on a page: each states which clock it refers to."""

from __future__ import annotations

from playwright.async_api import Page

# Countdowns are not times of day; `.yours` is labelled as the visitor's own; code is for machines; the axes
# of graphs share one label.
_UNNAMED = r"""
() => {
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const zone = / (UTC([+-]\d{1,2}(:\d\d)?)?(?![\w/])|\([A-Z][\w/ +-]+(, UTC[+-][\d:]+)?\))/.source;
  const times = new RegExp(`\\b\\d{1,2}:\\d\\d(:\\d\\d)?(?![:\\d])(?!${zone})`, "g");
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (node.parentElement.closest("[data-countdown], .yours, pre, code, .code, svg, script")) continue;
    for (const it of node.data.matchAll(times)) found.push(node.data.trim());
  }
  return found;
}
"""


async def unnamed_times(page: Page) -> list[str]:
    """The texts of a page with a time of day that names neither its zone nor its offset from UTC."""
    found: list[str] = await page.evaluate(_UNNAMED)
    return found
