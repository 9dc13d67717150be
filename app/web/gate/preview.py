"""Simulates the gate for a described request, and reports which rule decides."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.core.account import Account
from app.core.errors import CredentialInvalid, Restoring, RoomNotFound, StoreUnavailable, ValidationFailed
from app.core.formats import METHOD, NAME, TOKEN
from app.core.gate import gate_preview
from app.core.gate.gate_preview import Facts, Outcome, Rule
from app.core.gate.gating import Bypass, Visit, plain_path
from app.core.model import BypassRule, Room, RoomId, RoomStatus
from app.waiting_room import find_visitor
from app.web.gate.addresses import ADDRESS_MAX, host_of, is_safe
from app.web.gate.gate_request import GateQuery, GateRequest, gate_request, is_foreign
from app.web.gate.passes import presented_by
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import OPERATOR

HEADERS_MAX = 50
VALUE_MAX = 4096
OURS = ("x-original-url", "x-original-method", "x-forwarded-", "forwarded", "host")  # set by the proxy only
AS_BROWSER = "text/html"


class Described(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request as a visitor would send it to the site. Without `Accept`, a browser opens a page."""

    url: Annotated[str, Meta(min_length=1, max_length=ADDRESS_MAX)]
    method: Annotated[str, Meta(min_length=1, pattern=METHOD)] = "GET"
    headers: Annotated[
        dict[
            Annotated[str, Meta(min_length=1, pattern=TOKEN)],
            Annotated[str, Meta(max_length=VALUE_MAX, pattern=NAME)],
        ],
        Meta(max_length=HEADERS_MAX),
    ] = {}
    client: Annotated[str, Meta(max_length=50)] = ""  # the visitor's address; "": one that no rule covers


class PreviewStep(msgspec.Struct, frozen=True):
    """A rule that was checked, and its result."""

    rule: Rule
    says: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate would do. The last of `steps` decides; `status` is the response to a proxy."""

    outcome: Outcome
    status: int
    decided_by: Rule
    bypass_rule: BypassRule | None  # the rule that lets it through
    bypass_number: int | None  # from 1
    steps: list[PreviewStep]


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/gate-preview",
    tag="Staff: rooms",
    auth=OPERATOR,
    scope="rooms:read",
    body=Described,
    answers={200: Preview},
    errors=(RoomNotFound, Restoring, StoreUnavailable),
)
async def preview_gate(request: Request, account: Account, body: Described) -> Response:
    """Preview what the gate does with a request, and which rule decides. Nothing is changed or counted."""
    return json_response(200, await preview(request, RoomId(request.params["room_id"]), body))


async def preview(request: Request, room_id: RoomId, described: Described) -> Preview:
    """The gate's decision. Raises RoomNotFound, ValidationFailed, Restoring, StoreUnavailable."""
    rendered = await request.app.status_board.read(room_id)
    proxied = _proxied_request(request, room_id, described)
    gated = gate_request(proxied, GateQuery(), room_id, rendered.room.settings)
    facts = await _facts(proxied, gated, rendered.room, rendered.status)
    steps = gate_preview.trace(facts)
    last = steps[-1]
    assert last.outcome is not None
    return Preview(
        outcome=last.outcome,
        status=_status(last.outcome, gated),
        decided_by=last.rule,
        bypass_rule=gated.settings.bypass[facts.rule - 1] if facts.rule else None,
        bypass_number=facts.rule or None,
        steps=[PreviewStep(it.rule, it.text) for it in steps],
    )


def _proxied_request(request: Request, room_id: RoomId, described: Described) -> Request:
    """Build the sub-request that a proxy would send. Raises ValidationFailed."""
    if not is_safe(described.url) or not host_of(described.url) or "://" not in described.url:
        raise ValidationFailed("url", "must be an address that starts with http:// or https://")
    if described.client:
        try:
            ip_address(described.client)
        except ValueError:
            raise ValidationFailed("client", "must be an IP address") from None
    sent = {name.lower(): value for name, value in described.headers.items()}
    headers = {name.encode(): value.encode() for name, value in sent.items() if not name.startswith(OURS)}
    headers.setdefault(b"accept", AS_BROWSER.encode())
    original = {b"x-original-url": described.url.encode(), b"x-original-method": described.method.encode()}
    return msgspec.structs.replace(
        request,
        method="GET",
        path=f"/v1/rooms/{room_id}/gate",
        params={"room_id": room_id},
        query=b"",
        headers=headers | original,
        client=described.client,
    )


async def _facts(proxied: Request, gated: GateRequest, room: Room, status: RoomStatus) -> Facts:
    path = plain_path(gated.address) if gated.address else ""
    rule = Bypass(room.settings.bypass).first(Visit(path, gated.method, proxied.client, proxied.headers))
    presented = await presented_by(proxied, gated.room_id, gated.settings)
    turn = ""
    if presented.visitor_id and not presented.inside:
        visitors = await find_visitor.find(proxied.app.stores, gated.room_id, presented.visitor_id)
        turn = visitors[0].state if visitors else ""
    return Facts(
        mode=room.settings.gate_mode,
        rules=len(room.settings.bypass),
        rule=rule,
        path_is_plain=bool(path),
        inside=presented.inside is not None,
        crawler=await _crawler(proxied, gated) if not (rule or presented.inside) else "",
        shown=presented.refusal.detail if presented.refusal else "",
        final=presented.final,
        foreign=is_foreign(proxied, gated),
        ticket=_ticket(proxied, gated) if gated.ticket else "",
        turn=turn,
        crowd=gate_preview.crowd(status, room.settings),
    )


async def _crawler(proxied: Request, gated: GateRequest) -> str:
    """The crawler that DNS confirms; "" if none."""
    return await proxied.app.gate_rooms.crawlers.proved(proxied) if gated.settings.verified_crawlers else ""


def _ticket(proxied: Request, gated: GateRequest) -> Literal["good", "bad"]:
    """Whether a ticket is for this room and host. Earlier use is not checked."""
    try:
        ticket = proxied.app.handover.read(gated.ticket, gated.now_s)
    except CredentialInvalid:
        return "bad"
    fits = (ticket.room_id, ticket.host) == (gated.room_id, host_of(gated.back()))
    return "good" if fits else "bad"


def _status(outcome: Outcome, gated: GateRequest) -> int:
    if outcome == "refused":
        return 403
    if outcome == "queues":
        return 302 if gated.is_page else 401
    return 302 if gated.ticket and gated.tidied and gated.back() else 204
