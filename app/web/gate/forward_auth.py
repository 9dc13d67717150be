"""The gate: forward-auth for a proxy in front of another site.

A valid pass is checked by its signature and this process's list of ended sessions, so visitors who are inside
continue while both stores are unavailable. If there is no queue, the gate joins and claims for newcomers, who
never see our pages.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from app.core.errors import (
    BookingTokenExpired,
    CredentialInvalid,
    CredentialMissing,
    ForeignOrigin,
    NotFound,
    Restoring,
    RoomNotFound,
    StoreUnavailable,
    WrongRoom,
)
from app.core.model import Place, RoomId, RoomSettings
from app.core.tokens.claims import PassClaims, session_id, session_of
from app.core.tokens.handover import Ticket
from app.core.tokens.place_tokens import new_visitor_id
from app.gate import sessions as gatekeeping
from app.gate.sessions import GateVisitor
from app.web.gate.addresses import ADDRESS_HEADERS, host_of
from app.web.gate.answers import bypass, let_through, redirect, to_queue_page, with_pass
from app.web.gate.gate_request import (
    GateQuery,
    GateRequest,
    bypass_reason,
    gate_request,
    is_foreign,
    may_carry_ticket,
)
from app.web.gate.passes import Sender, generation_of, presented_by
from app.web.http.credentials import network_of
from app.web.http.routes import App, Request, Response, empty, endpoint

T = TypeVar("T")

AWAY = (StoreUnavailable, Restoring)
UNKNOWN = RoomSettings(name="?", gate_mode="queue_all")  # used while no store responds: only passes count


DECLARED: dict[str, Any] = {  # declaration of the gate, at any of its paths
    "tag": "Waiting room",
    "hot": True,
    "below": True,
    "query": GateQuery,
    "answers": {204: None, 302: None},
    "headers": ADDRESS_HEADERS,
    "errors": (
        *(CredentialMissing, CredentialInvalid, BookingTokenExpired, WrongRoom, ForeignOrigin),
        *(RoomNotFound, *AWAY),
    ),
}


@endpoint("GET", "/v1/rooms/{room_id}/gate", **DECLARED)
async def gate(request: Request, query: GateQuery) -> Response:
    """Let visitors with a pass or a booking token through: 204, else 302 to the queue page, or 401.

    Any method and any path below this one work, too (Envoy). If there is no queue, newcomers get a pass at
    once. A page opened in a browser is redirected: by 302 or, with `deny=401`, by a 401 with the same
    `Location` and `Set-Cookie`, for proxies that only forward that status (nginx, ingress-nginx). Anything
    else is refused with 401, with the address of the queue page in `queue_url` and in the header
    `X-Fairgate-Queue`. A `fairgate_ticket` in the requested address is exchanged for a pass, a cookie on the
    shop's host; with `tickets=keep` in a 204, for proxies that only redirect to the queue page
    (ingress-nginx). If a visitor passes without a turn, by a rule of the room, `X-Fairgate-Bypass` states
    why.
    """
    room_id = RoomId(request.params["room_id"])
    settings = await request.app.gate_rooms.settings(room_id) or UNKNOWN
    presented = None
    if not (settings.bypass or settings.gate_mode == "off" or may_carry_ticket(request)):  # nearly always
        presented = await presented_by(request, room_id, settings)
        if presented.inside and not (settings.session_renews and presented.is_past_half(int(time.time()))):
            request.app.gate_rooms.count(room_id, "passed")
            return empty()
    gated = gate_request(request, query, room_id, settings)
    if why := bypass_reason(request, gated):
        return bypass(request, gated, why)
    presented = presented or await presented_by(request, room_id, settings)
    if presented.inside and (answer := await _inside(request, gated, presented)):
        return answer
    if settings.verified_crawlers and (name := await request.app.gate_rooms.crawlers.proved(request)):
        return bypass(request, gated, f"crawler={name}")
    if is_foreign(request, gated):
        request.app.gate_rooms.count(room_id, "refused", ForeignOrigin.code)
        raise ForeignOrigin("A page of another site sent this; it cannot start a session.")
    if gated.ticket and (claims := await _redeemed(request, gated)):
        request.app.gate_rooms.count(room_id, "handed_over")
        return with_pass(request, gated, claims)
    if presented.final:
        return to_queue_page(request, gated, presented, "refused")
    return await _newcomer(request, gated, presented)


async def _newcomer(request: Request, gated: GateRequest, presented: Sender) -> Response:
    """Let them in at once if there is no queue, else send them to the queue page."""
    fails_open = gated.settings.gate_fail == "open"
    try:
        place = await _entered(request, gated, presented)
    except AWAY:
        if fails_open:
            return bypass(request, gated, "gate_fail=open")
        place = None
    if place is None and fails_open and request.app.queues.postgres.away:
        return bypass(request, gated, "gate_fail=open")  # nobody is called meanwhile, queue or not
    if place is None:
        return to_queue_page(request, gated, presented, "queued")
    outcome = "entered" if place.joined else "claimed" if place.new else "renewed"
    request.app.gate_rooms.count(gated.room_id, outcome)
    return let_through(await _claims_of(request, gated, place), request, gated)


async def _inside(request: Request, gated: GateRequest, presented: Sender) -> Response | None:
    """Let a visitor inside through, with a new pass if the session renews; None: the session is over."""
    claims = presented.claims
    if gated.settings.session_renews and presented.is_past_half(gated.now_s):
        claims = await _renewed(request, gated, presented)
        if claims is None:
            return None
        request.app.gate_rooms.count(gated.room_id, "renewed")
        return let_through(claims, request, gated)
    request.app.gate_rooms.count(gated.room_id, "passed")
    if gated.ticket and gated.tidied and (back := gated.back()):
        return redirect(back, gated)  # they reloaded the address they came back to, or went back to it
    return empty()


async def _renewed(request: Request, gated: GateRequest, presented: Sender) -> PassClaims | None:
    """The pass of a renewed session; None if it is over. Without Redis the signature suffices."""
    claims, app = presented.claims, request.app
    try:
        if claims is None:  # a booking token: only the room knows about its session
            place = await _entered(request, gated, presented)
            return await _claims_of(request, gated, place) if place else None
        number = _number(claims)
        session = app.gate, gated.room_id, claims.visitor_id, number, claims.began, gated.settings
        ends_ms = await _answered(app, lambda: gatekeeping.renew(*session))
        if not ends_ms:
            return None
        exp = ends_ms // 1000
    except AWAY:
        if claims is None:
            return None
        exp = gated.now_s + gated.settings.session_ttl_s
        if last_s := gatekeeping.last_end_s(claims.began, gated.settings):
            exp = min(exp, last_s)
        exp = max(exp, claims.exp)
    return msgspec.structs.replace(claims, iat=gated.now_s, exp=exp)


async def _entered(request: Request, gated: GateRequest, presented: Sender) -> Place | None:
    """Their session, possibly a new one; None: they have to queue. Raises StoreUnavailable and the like."""
    app = request.app
    anew = gated.settings.gate_mode == "auto"
    if not anew and presented.visitor_id is None:
        return None
    network = network_of(request, gated.room_id)
    entering = GateVisitor(presented.visitor_id or new_visitor_id(network), network, anew)
    return await _answered(app, lambda: gatekeeping.enter(app.gate, gated.room_id, entering))


async def _answered(app: App, call: Callable[[], Awaitable[T]]) -> T:
    """Ask the stores. For a moment after a failure this raises at once, so that nobody else waits for them.

    A room that is being restored says nothing about other rooms.
    """
    if app.gate_rooms.store_is_away():
        raise StoreUnavailable
    try:
        return await call()
    except StoreUnavailable:
        app.gate_rooms.note_store_away()
        raise


async def _redeemed(request: Request, gated: GateRequest) -> PassClaims | None:
    """Exchange a hand-over ticket for a pass; None if it is invalid here, or no longer valid."""
    try:
        ticket: Ticket = request.app.handover.read(gated.ticket, gated.now_s)
        if (ticket.room_id, ticket.host) != (gated.room_id, host_of(gated.back())):
            return None
        ends_ms = await _answered(request.app, lambda: gatekeeping.redeem(request.app.gate, ticket))
    except (CredentialInvalid, *AWAY):
        return None
    if not ends_ms:
        return None
    sid = session_id(ticket.visitor_id, ticket.queue_number)
    return await _new_pass(request, gated, sid, ends_ms, ticket.began)


async def _claims_of(request: Request, gated: GateRequest, place: Place) -> PassClaims:
    """The pass of a session that the gate found or started."""
    number, began = place.queue_number or 0, gated.now_s
    if not place.new and gated.settings.session_max_s:
        try:
            began = await gatekeeping.began_s(request.app.gate, gated.room_id, place.visitor_id, number)
        except (StoreUnavailable, NotFound):
            began = place.session_expires_at_ms // 1000 - gated.settings.session_ttl_s
    sid = session_id(place.visitor_id, number)
    return await _new_pass(request, gated, sid, place.session_expires_at_ms, began)


async def _new_pass(request: Request, gated: GateRequest, sid: str, ends_ms: int, began: int) -> PassClaims:
    session = session_of(sid)
    assert session is not None
    net = request.app.handover.net(request.client) if gated.settings.pass_ip_bound else ""
    ends = gated.now_s, ends_ms // 1000, began
    generation = await generation_of(request, gated.room_id)
    return PassClaims(gated.room_id, session[0], sid, *ends, net, generation)


def _number(claims: PassClaims) -> int:
    session = session_of(claims.sid)
    return session[1] if session else 0
