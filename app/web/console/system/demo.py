"""The demo: a page with a fan's phone beside the cockpit and five steps, and the link that signs in to it.

Registered only under `fairgate demo`, the only mode in which our pages may be framed (by our own origin).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from quart import Quart, Response

from app.accounts import console_sessions, sign_in_links
from app.core.errors import CredentialInvalid, NotFound
from app.web.console.frame import console_page
from app.web.console.staff import Staff, with_cookie
from app.web.http.bodies import read_query
from app.web.http.origins import names_its_page
from app.web.http.routes import Request
from app.web.pages.entry import add_page, foreign_form, page
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond

LINK = "/admin/link"
DEMO = "/admin/demo"
ROOM = "demo"  # same as in `app/demo/sale.py`


class Step(NamedTuple):
    """One thing to try: where, and what to look for."""

    title: str
    text: str


STEPS = (
    Step(
        "Queue as a fan",
        "The phone is yours: you stand behind a crowd of simulated fans, and the wait is measured.",
    ),
    Step(
        "Watch the crowd",
        "The cockpit shows who waits, who was admitted and who is inside; the crowd never ends.",
    ),
    Step(
        "Go faster",
        "Set “Admitted per minute” to 600 and the maximum inside to 300: the effect is shown before you "
        "press Apply, and the phone follows within a second.",
    ),
    Step(
        "Pause, and undo",
        "Press Pause: the phone says so, and nobody loses a place. “Undo” under Changes takes it back.",
    ),
    Step(
        "Buy a ticket",
        "When the phone says it is your turn, choose tickets and pay with the test card. Then open Orders.",
    ),
)


class LinkQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of the link."""

    code: str = ""


class LinkPage(msgspec.Struct, frozen=True):
    """The button that signs in; `code` "": the link is no longer valid."""

    code: str = ""


class DemoPage(msgspec.Struct, frozen=True):
    """The demo page."""

    staff: Staff
    room_id: str
    steps: tuple[Step, ...] = STEPS


@console_page(DEMO, section="Demo")
async def demo(request: Request, staff: Staff) -> Response:
    """Show the phone, the cockpit and the steps."""
    _check_demo(request)
    return respond("console/demo.html", DemoPage(staff, ROOM))


async def sign_in_link(request: Request) -> Response:
    """Show a button. A GET must not use up the link, because link previews follow it."""
    _check_demo(request)
    return respond("console/link.html", LinkPage(read_query(request, LinkQuery).code))


async def sign_in_by_link(request: Request) -> Response:
    """Sign in; works once per link."""
    if not names_its_page(request):
        return foreign_form(request)
    _check_demo(request)
    await request.app.throttles.reset(request.client)
    form = await read_form()
    account = await sign_in_links.redeem(request.app.stores, form.get("code", ""))
    if account is None:
        return respond("console/link.html", LinkPage(), CredentialInvalid.status)
    secret = await console_sessions.begin(
        *(request.app.stores, account),
        address=request.client,
        agent=request.header(b"user-agent") or "",
        zone=form.get("zone", ""),
    )
    return with_cookie(redirect_to(DEMO), request, secret)


def _check_demo(request: Request) -> None:
    if not request.app.settings.demo:
        raise NotFound("The demo is there where `fairgate demo` runs.")


def register_sign_in_link(app: Quart) -> None:
    """Add the link's page and its form, neither of which needs a sign-in."""
    add_page(app, LINK, "console_sign_in_link", sign_in_link)
    app.add_url_rule(LINK, "console_sign_in_by_link", page(sign_in_by_link), methods=["POST"])
