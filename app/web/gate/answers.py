"""The gate's responses to a proxy: let the visitor through, or redirect to the queue page."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from app.core.errors import (
    CredentialMissing,
)
from app.core.tokens.claims import PassClaims
from app.web.gate.gate_request import (
    REDIRECT,
    UNAUTHORISED,
    GateRequest,
)
from app.web.gate.passes import Sender, pass_cookie
from app.web.http.cache_control import NO_STORE
from app.web.http.dispatch import refuse
from app.web.http.routes import Request, Response

QUEUE_HEADER = b"x-fairgate-queue"
BYPASS_HEADER = b"x-fairgate-bypass"


def with_pass(request: Request, gated: GateRequest, claims: PassClaims) -> Response:
    """Issue a pass for a valid hand-over ticket, and redirect pages to the same address without the
    ticket."""
    cookie = pass_cookie(request, claims, gated.secure)
    return redirect(gated.back(), gated, cookie) if gated.tidied else Response(204, b"", [cookie])


def let_through(claims: PassClaims, request: Request, gated: GateRequest) -> Response:
    """Let the visitor through with a new pass; pages with a ticket in the address are redirected to remove
    it."""
    if gated.ticket and gated.tidied and gated.back():
        return with_pass(request, gated, claims)
    return Response(204, b"", [pass_cookie(request, claims, gated.secure)])


def bypass(request: Request, gated: GateRequest, why: str) -> Response:
    """Let the visitor through without a turn, stating why."""
    rules = request.app.gate_rooms.bypass(gated.room_id, gated.settings)
    request.app.gate_rooms.count(gated.room_id, "bypassed", rules.counted_as(why))
    return Response(204, b"", [(BYPASS_HEADER, why.encode())])


def redirect(address: str, gated: GateRequest, *headers: tuple[bytes, bytes]) -> Response:
    """Redirect the browser, with a status that the proxy forwards."""
    sent = [(b"location", address.encode()), NO_STORE, *headers]
    return Response(gated.deny, b"", sent, b"text/plain; charset=utf-8")


def to_queue_page(request: Request, gated: GateRequest, presented: Sender, outcome: str) -> Response:
    """Redirect pages to the queue page, which leads back here; anything else gets its address."""
    request.app.gate_rooms.count(gated.room_id, outcome, presented.why)
    address = f"{request.origin()}/rooms/{gated.room_id}"
    if return_to := gated.back():
        address += f"?return_to={quote(return_to, safe='')}"
    queue = QUEUE_HEADER, address.encode()
    if gated.is_page and gated.deny == REDIRECT:
        return redirect(address, gated, queue)
    refusal = presented.refusal or CredentialMissing("Wait in the queue first: its page is at `queue_url`.")
    refusal.members["queue_url"] = address
    response = refuse(refusal)
    if not gated.is_page:
        return msgspec.structs.replace(response, headers=[*response.headers, queue])
    headers = [*response.headers, queue, (b"location", address.encode())]
    return msgspec.structs.replace(response, status=UNAUTHORISED, headers=headers)
