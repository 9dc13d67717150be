"""Showing tickets in another browser: the links in e-mails, and the page that requests one.

A GET must not use up a link, because mail scanners follow it: links in order e-mails work until they expire,
and a requested link is used by the button on its page.
"""

from __future__ import annotations

import asyncio
import time

import msgspec
from quart import Response

from app.core.errors import CredentialInvalid, ValidationFailed
from app.core.tokens.order_rights import OWNS, SEES
from app.reservations import ticket_links
from app.web.api.mailbox import browser_locale
from app.web.http.bodies import read_query
from app.web.http.client_ip import throttle_key
from app.web.http.order_cookie import orders_cookie
from app.web.http.routes import Request
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond
from app.web.pages.visitors import add_cookie

ANSWER_AFTER_S = 0.25  # the same for every address, to hide whether it is known


class TicketsPage(msgspec.Struct, frozen=True):
    """The form that requests a link; the button of a link; or that the link no longer works."""

    state: str = "ask"  # ask, sent, open, gone, erased
    email: str = ""
    token: str = ""
    wrong: bool = False


class KeyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a link in an order e-mail."""

    key: str = ""


class TokenQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a requested link."""

    token: str = ""


async def ask_tickets(request: Request) -> Response:
    """Show the form for the address."""
    return respond("tickets.html", TicketsPage())


async def send_tickets(request: Request) -> Response:
    """E-mail a link. The response does not reveal whether the address has bought anything."""
    app, loop = request.app, asyncio.get_running_loop()
    answer_at = loop.time() + ANSWER_AFTER_S
    email = (await read_form()).get("email", "").strip()[:254]
    await app.throttles.reset(request.client)
    network, locale = throttle_key(request.client), browser_locale(request)
    try:
        await ticket_links.request_link(
            app.stores, app.orders, app.traces, email, network=network, locale=locale
        )
    except ValidationFailed as refusal:
        return respond("tickets.html", TicketsPage(email=email, wrong=True), refusal.status)
    await asyncio.sleep(max(0.0, answer_at - loop.time()))
    return respond("tickets.html", TicketsPage("sent", email))


async def open_tickets(request: Request) -> Response:
    """Show the button of a requested link."""
    token = read_query(request, TokenQuery).token
    if not await ticket_links.is_valid(request.app.stores, token):
        return respond("tickets.html", TicketsPage("gone"), CredentialInvalid.status)
    return respond("tickets.html", TicketsPage("open", token=token), secret=True)


async def use_tickets(request: Request) -> Response:
    """From now on, show everything bought with the link's address in this browser."""
    token = (await read_form()).get("token", "")
    await request.app.throttles.reset(request.client)
    try:
        link = await ticket_links.use(request.app.stores, token)
    except CredentialInvalid as refusal:
        return respond("tickets.html", TicketsPage("gone"), refusal.status)
    response = redirect_to("/reservations")
    add_cookie(response, orders_cookie(request, reversed(link), OWNS))
    return response


async def open_reservation(request: Request) -> Response:
    """Open the link in an e-mail about a reservation, which this browser may see from now on."""
    reservation_id = request.params["reservation_id"]
    key = read_query(request, KeyQuery).key
    try:
        about = request.app.orders.read_link(key, int(time.time()))
    except CredentialInvalid:
        about = None
    if about != reservation_id:
        return respond("tickets.html", TicketsPage("gone"), CredentialInvalid.status)
    response = redirect_to(f"/reservations/{reservation_id}")
    add_cookie(response, orders_cookie(request, [reservation_id], SEES))
    return response
