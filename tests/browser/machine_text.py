"""Machine text on pages for people: names of fields, JSON, errors of the operating system."""

from __future__ import annotations

from playwright.async_api import Page

# Code, addresses and user input may contain machine text.
_FIND = r"""
() => {
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const python = /\[Errno|\{['"]|['"]\}|(^|[=:,(] ?)None($|[,)])|\b(True|False)\b|-0\.0\b/;
  const names = /\b[a-z]+(_[a-z]+)+: /;
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (node.parentElement.closest("pre, code, .code, script, svg, textarea, noscript, option")) continue;
    if (python.test(node.data) || names.test(node.data)) found.push(node.data.trim());
  }
  return found;
}
"""


async def machine_texts(page: Page) -> list[str]:
    """The texts of a page that only a programmer understands."""
    found: list[str] = await page.evaluate(_FIND)
    return found
