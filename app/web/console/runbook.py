"""The runbook in the console: docs/runbook.md, where every alert leads to its part."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import msgspec
from markupsafe import Markup
from quart import Response

from app.web.console.frame import console_page
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.render import respond

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"


class RunbookPage(msgspec.Struct, frozen=True):
    """The runbook as HTML."""

    staff: Staff
    text: Markup


@console_page("/admin/runbook", section="Alerts")
async def runbook(request: Request, staff: Staff) -> Response:
    """What to do."""
    return respond("console/runbook.html", RunbookPage(staff, rendered()))


@cache
def rendered() -> Markup:
    """The runbook; what it says to the documentation's other pages is text here, as those are elsewhere."""
    from markdown_it import MarkdownIt  # loads slowly, and most processes are never asked for this page

    markdown = MarkdownIt("commonmark", {"html": False})
    tokens = markdown.parse(RUNBOOK.read_text(encoding="utf-8"))
    for before, token in pairwise(tokens):
        if before.type == "heading_open" and before.tag == "h2":
            before.attrSet("id", anchor(token.content))
        if token.type == "fence":
            token.attrSet("tabindex", "0")  # it scrolls where a screen is narrow
        if token.children:
            token.children = [it for it in token.children if it.type not in ("link_open", "link_close")]
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # of our own text


def anchor(title: str) -> str:
    """The fragment that leads to a part, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
