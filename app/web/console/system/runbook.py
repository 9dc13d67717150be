"""The runbook (docs/runbook.md) in the console; every alert links to its section."""

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

RUNBOOK = Path(__file__).parents[4] / "docs" / "runbook.md"


class RunbookPage(msgspec.Struct, frozen=True):
    """The runbook as HTML."""

    staff: Staff
    text: Markup


@console_page("/admin/runbook", section="Alerts")
async def runbook(request: Request, staff: Staff) -> Response:
    """Show the runbook."""
    return respond("console/runbook.html", RunbookPage(staff, rendered()))


@cache
def rendered() -> Markup:
    """Render the runbook. Links to other pages of the documentation become text, as those are not served
    here."""
    from markdown_it import MarkdownIt  # slow to import, and most processes never serve this page

    markdown = MarkdownIt("commonmark", {"html": False})
    tokens = markdown.parse(RUNBOOK.read_text(encoding="utf-8"))
    for before, token in pairwise(tokens):
        if before.type == "heading_open" and before.tag == "h2":
            before.attrSet("id", anchor(token.content))
        if token.type == "fence":
            token.attrSet("tabindex", "0")  # scrolls on narrow screens
        if token.children:
            token.children = [it for it in token.children if it.type not in ("link_open", "link_close")]
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # from our own text


def anchor(title: str) -> str:
    """The fragment of a heading, as GitHub generates it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
