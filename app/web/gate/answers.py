"""How the gate answers a proxy: let the visitor through, or send them to the queue page."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from app.core.claims import PassClaims
from app.core.errors import (
    CredentialMissing,
)
from app.web.gate.gate_request import (
    REDIRECT,
    UNAUTHORISED,
    GateRequest,
)
from app.web.gate.passes import Presented, pass_cookie
from app.web.http.cache_control import NO_STORE
from app.web.http.dispatch import refuse
from app.web.http.routes import Request, Response

QUEUE_HEADER = b"x-fairgate-queue"
BYPASS_HEADER = b"x-fairgate-bypass"


def with_pass(request: Request, asked: GateRequest, claims: PassClaims) -> Response:
    """Give a pass for a good ticket, and send pages to the same address without the ticket."""
    cookie = pass_cookie(request, claims, asked.secure)
    return redirect(asked.back(), asked, cookie) if asked.tidied else Response(204, b"", [cookie])


def let_through(claims: PassClaims, request: Request, asked: GateRequest) -> Response:
    """Let them through with a new pass; pages with a ticket in the address go to the one without."""
    if asked.ticket and asked.tidied and asked.back():
        return with_pass(request, asked, claims)
    return Response(204, b"", [pass_cookie(request, claims, asked.secure)])


def bypass(request: Request, asked: GateRequest, why: str) -> Response:
    """Let them through without a turn, and say why."""
    rules = request.app.gate_rooms.bypass(asked.room_id, asked.settings)
    request.app.gate_rooms.count(asked.room_id, "bypassed", rules.counted_as(why))
    return Response(204, b"", [(BYPASS_HEADER, why.encode())])


def redirect(address: str, asked: GateRequest, *headers: tuple[bytes, bytes]) -> Response:
    """Send the browser to an address, with the status that the proxy can pass on."""
    sent = [(b"location", address.encode()), NO_STORE, *headers]
    return Response(asked.deny, b"", sent, b"text/plain; charset=utf-8")


def to_queue_page(request: Request, asked: GateRequest, shown: Presented, outcome: str) -> Response:
    """Send pages to the queue page, which leads back here; give everything else its address."""
    request.app.gate_rooms.count(asked.room_id, outcome, shown.why)
    address = f"{request.origin()}/rooms/{asked.room_id}"
    if return_to := asked.back():
        address += f"?return_to={quote(return_to, safe='')}"
    queue = QUEUE_HEADER, address.encode()
    if asked.is_page and asked.deny == REDIRECT:
        return redirect(address, asked, queue)
    refusal = shown.refusal or CredentialMissing("Wait in the queue first: its page is at `queue_url`.")
    refusal.members["queue_url"] = address
    response = refuse(refusal)
    if not asked.is_page:
        return msgspec.structs.replace(response, headers=[*response.headers, queue])
    headers = [*response.headers, queue, (b"location", address.encode())]
    return msgspec.structs.replace(response, status=UNAUTHORISED, headers=headers)
