"""The gate of all sites at one address: rules select the room of a request, whose gate does the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app import metrics
from app.core.account import Account
from app.core.errors import AddressUnclear, StoreUnavailable
from app.core.gate.sites import RULES_MAX, SiteRule
from app.core.model import RoomId, Struct
from app.gate import sites
from app.web.gate.addresses import requested_address, requested_method
from app.web.gate.answers import BYPASS_HEADER
from app.web.gate.forward_auth import DECLARED, gate
from app.web.gate.gate_request import GateQuery
from app.web.http.client_ip import first_of
from app.web.http.dispatch import for_staff_alone
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import ADMIN, OPERATOR, author

NO_SITE = Response(204, b"", [(BYPASS_HEADER, b"no_site")])
CALL: dict[str, Any] = {"tag": "Staff: rooms", "errors": (StoreUnavailable,)}


class SiteList(Struct, frozen=True):
    """The rules of all sites; in responses, in the order in which they are tried."""

    sites: Annotated[list[SiteRule], Meta(max_length=RULES_MAX)]


@endpoint("GET", "/v1/gate", **DECLARED | {"errors": (AddressUnclear, *DECLARED["errors"])})
async def site_gate(request: Request, query: GateQuery) -> Response:
    """Find the room of a request by its site, and do what that room's gate does.

    `PUT /v1/sites` sets which room a host, path or method belongs to. A request that matches no rule passes:
    204 with `X-Fairgate-Bypass: no_site`. An address that servers may parse in different ways, leading to
    different rooms, is refused.
    """
    room_id = _room_of(request, query)
    if room_id is None:
        metrics.GATE.count("no_site")
        return NO_SITE
    for_room = msgspec.structs.replace(request, params={"room_id": room_id})
    if unseen := request.app.hidden.refusal_for(for_room.params):
        await for_staff_alone(for_room, unseen)
    return await gate(for_room, query)


def _room_of(request: Request, query: GateQuery) -> RoomId | None:
    matcher, method = request.app.sites.matcher(), requested_method(request)
    rooms = {matcher.room_of(it, method) for it in _addresses(request, query)}
    if len(rooms) > 1:
        raise AddressUnclear("X-Original-URL and X-Forwarded-Host tell of different hosts.")
    return rooms.pop()


def _addresses(request: Request, query: GateQuery) -> Iterator[str]:
    """The requested address, and alternatives if another header is the one the proxy writes.

    A proxy forwards visitors' headers that it does not write itself.
    """
    address = requested_address(request, query.return_to)
    yield address
    forwarded = first_of(request.header(b"x-forwarded-host") or "")
    if forwarded and address and address == request.header(b"x-original-url"):
        yield f"https://{forwarded}/{address.partition('://')[2].partition('/')[2]}"


@endpoint("GET", "/v1/sites", auth=OPERATOR, scope="rooms:read", answers={200: SiteList}, **CALL)
async def read_sites(request: Request, account: Account) -> Response:
    """Get the rules that select the room of a site's request, in the order in which they are tried."""
    return json_response(200, SiteList(sites=await sites.rules_of(request.app.stores)))


@endpoint("PUT", "/v1/sites", auth=ADMIN, scope="rooms:write", body=SiteList, answers={200: SiteList}, **CALL)
async def set_sites(request: Request, account: Account, body: SiteList) -> Response:
    """Set all rules: which room a host, path or method belongs to.

    The most specific rule decides: an exact host before `*.shop.example` before `*`, then the longer
    `path_prefix`, then a `method`. Ports and case are ignored. Web processes apply a change at once. Deleting
    a room deletes its rules.
    """
    by = author(request, account)
    changed = await sites.change(request.app.stores, lambda _: body.sites, by=by)
    await request.app.sites.refresh()
    return json_response(200, SiteList(sites=changed))
