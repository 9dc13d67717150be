"""The visitor's request, reconstructed from the proxy's request to the gate."""

from __future__ import annotations

import time
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from app.core.gate.gating import Visit, plain_path
from app.core.model import RoomId, RoomSettings, Struct
from app.core.tokens.handover import TICKET, ticket_in, without_ticket
from app.web.gate.addresses import ADDRESS_MAX, allowed, host_of, is_safe, requested_address, requested_method
from app.web.http.origins import NOT_FOREIGN, SAFE
from app.web.http.routes import Request

REDIRECT, UNAUTHORISED = 302, 401
TICKET_NAME = TICKET.encode()


class GateQuery(Struct, frozen=True):
    """Where the visitor wanted to go, and the status for refusals: `401` for proxies that cannot forward a
    302."""

    return_to: Annotated[str, Meta(max_length=ADDRESS_MAX)] = ""
    deny: Literal["", "302", "401"] = ""
    tickets: Literal["", "keep"] = ""


class GateRequest(NamedTuple):
    """The visitor's request, and the room whose gate it is at."""

    room_id: RoomId
    settings: RoomSettings
    address: str  # complete, without a ticket; "" if the proxy sends none or an invalid one
    ticket: str
    method: str
    is_page: bool  # a browser opens a page, which can be redirected
    tidied: bool  # a page whose address contained a ticket: it is redirected to the one without
    secure: bool
    deny: int  # the status of a redirect
    now_s: int

    def back(self) -> str:
        """The address to return to, if it is on a host of the room; else ""."""
        return allowed(self.address, self.settings)


def may_carry_ticket(request: Request) -> bool:
    """Whether the address may contain a ticket, in any header of a proxy. False positives are fine."""
    query, headers = request.query, request.headers
    if query and (TICKET_NAME in query or b"return_to" in query):
        return True
    return TICKET_NAME in headers.get(b"x-original-url", b"") or TICKET_NAME in headers.get(
        b"x-forwarded-uri", b""
    )


def gate_request(request: Request, query: GateQuery, room_id: RoomId, settings: RoomSettings) -> GateRequest:
    """Reconstruct the visitor's request from the proxy's."""
    address = requested_address(request, query.return_to)
    address = address if is_safe(address) else ""
    method = requested_method(request)
    # A middleware that calls us with `fetch` cannot set the visitor's own `Sec-Fetch-Mode`.
    mode = request.header(b"x-original-fetch-mode") or request.header(b"sec-fetch-mode") or "navigate"
    is_page = method in ("GET", "HEAD") and mode == "navigate" and _goes_to_the_queue(request, settings)
    return GateRequest(
        room_id=room_id,
        settings=settings,
        address=without_ticket(address),
        ticket=ticket_in(address),
        method=method,
        is_page=is_page,
        tidied=is_page and query.tickets != "keep",
        secure=address.lower().startswith("https:") or request.is_secure(),
        deny=UNAUTHORISED if query.deny == "401" else REDIRECT,
        now_s=int(time.time()),
    )


def _goes_to_the_queue(request: Request, settings: RoomSettings) -> bool:
    """Whether a browser opens a page, or an app polls the queue page as JSON."""
    accept = request.header(b"accept") or ""
    return "text/html" in accept or (settings.json_response_enabled and accept == "application/json")


def is_foreign(request: Request, gated: GateRequest) -> bool:
    """Whether a page of another site sent this, such as a form.

    It comes without the visitor's pass, which a new one would replace. Browsers store no such cookie for mere
    subresources of a foreign page, and anybody who follows a link is a visitor.
    """
    site, origin = request.header(b"sec-fetch-site"), request.header(b"origin")
    if gated.method in SAFE or site in NOT_FOREIGN:
        return False
    if origin is None:
        return site is not None
    is_shops = host_of(origin) and host_of(origin) == host_of(gated.address)
    return not is_shops and not allowed(origin, gated.settings)


def bypass_reason(request: Request, gated: GateRequest) -> str:
    """Why everybody passes here; "" if not everybody does."""
    if gated.settings.gate_mode == "off":
        return "gate_mode=off"
    rules = request.app.gate_rooms.bypass(gated.room_id, gated.settings)
    if not rules:
        return ""
    path = plain_path(gated.address) if gated.address else ""
    visit = Visit(path, gated.method, request.client, request.headers)
    number = rules.first(visit)
    return f"rule={number}" if number else ""
