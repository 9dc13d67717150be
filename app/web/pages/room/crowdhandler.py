"""Serves shops with the CrowdHandler SDK, configured with our `apiUrl`, and its redirects to the queue page.

The shop asks about each request, with the token from its cookie, which identifies one of our visitors. Those
who have to wait are redirected to `/ch/ROOM` and come back with the token of the visitor who waited there.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec
from quart import Response

from app.core.clock import from_ms, now_ms
from app.core.errors import MalformedJson, NotFound, Restoring, StoreUnavailable
from app.core.model import Place, Room, RoomId, VisitorId
from app.core.tokens.place_tokens import new_visitor_id
from app.gate import sessions
from app.gate.sessions import GateVisitor
from app.web.gate.addresses import allowed
from app.web.http.cache_control import NO_STORE
from app.web.http.client_ip import is_trusted_proxy, throttle_key
from app.web.http.cookies import newcomer_cookie
from app.web.http.origins import is_part_of_foreign_page
from app.web.http.quart_adapter import quart_response, read_body
from app.web.http.routes import BODY_MAX, Request, json_response
from app.web.pages import visitors
from app.web.pages.room.queue_document import return_query
from app.web.pages.visitors import add_cookie

PREFIX = "tok1"  # the SDK recognises tokens by the prefix `tok`
ID = "ch-id"
PARAMETERS = (ID, "ch-id-signature", "ch-requested", "ch-code", "ch-fresh", "ch-public-key")


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """The result that the SDK acts on. Optional fields are null; the hash serves a mode we do not support."""

    promoted: int
    token: str
    slug: str
    requested: datetime | None
    status: int = 200
    hash: None = None
    url_redirect: None = None
    response_id: None = msgspec.field(default=None, name="responseID")


async def begin(request: Request) -> Response:
    """Register a visitor without a token: they get one and, if there is no queue, a session."""
    room = await _room(request)
    address = _visitors_address(request, _address_in(await read_body(BODY_MAX)))
    network = _network(request, room.room_id, address)
    return await _answer(request, room, new_visitor_id(network), network)


async def go_on(request: Request) -> Response:
    """Check a visitor's token: whether they are inside. A turn is claimed for them."""
    room = await _room(request)
    visitor_id = visitor_of(request, room.room_id, request.params["ch_token"])
    if visitor_id is None:
        return await begin_anew(request, room)
    address = _visitors_address(request, _parameters(request).get("ip", ""))
    return await _answer(request, room, visitor_id, _network(request, room.room_id, address))


async def begin_anew(request: Request, room: Room) -> Response:
    """Treat an unknown token, or that of another room, as none."""
    network = _network(request, room.room_id, _visitors_address(request, _parameters(request).get("ip", "")))
    return await _answer(request, room, new_visitor_id(network), network)


async def wait(request: Request) -> Response:
    """Redirect to the queue page, as the visitor of this token; a browser with a place here keeps it."""
    room = await _room(request)
    params = _parameters(request)
    token = params.get(ID, "")
    return_to = allowed(without_parameters(params.get("url", "")), room.settings)
    response = Response(status=302)
    response.headers["Location"] = f"/rooms/{room.room_id}{return_query(_marked(return_to, token))}"
    response.headers["Cache-Control"] = "no-store"
    visitor_id = visitor_of(request, room.room_id, token)
    claims = visitors.visitor_of(request, room.room_id)
    if visitor_id and claims is None and not is_part_of_foreign_page(request):
        add_cookie(response, newcomer_cookie(request, room.room_id, visitor_id))
    return response


def visitor_of(request: Request, room_id: RoomId, token: str) -> VisitorId | None:
    """The visitor of a token; None if we did not issue it."""
    if not token.startswith(PREFIX):
        return None
    visitor_id = request.app.places.read_request_id(room_id, token.removeprefix(PREFIX))
    return visitor_id[0] if visitor_id else None


def came_from_the_sdk(return_to: str) -> bool:
    """Whether the SDK sent the visitor to the queue page."""
    return f"{ID}={PREFIX}" in return_to.partition("?")[2]


def way_back(request: Request, room: Room, place: Place, return_to: str) -> str:
    """The return address with the token of a visitor who is inside."""
    parameters = {
        ID: _token(request, room.room_id, place.visitor_id),
        "ch-id-signature": "",
        "ch-requested": _seconds(),
        "ch-code": "",
        "ch-fresh": "true",
    }
    address, mark, fragment = without_parameters(return_to).partition("#")
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{address}{'&' if '?' in address else '?'}{query}{mark}{fragment}"


def without_parameters(address: str) -> str:
    """Remove the SDK's parameters from the address, leaving the rest exactly as it was."""
    before, mark, fragment = address.partition("#")
    path, question, query = before.partition("?")
    parts = [it for it in query.split("&") if it.partition("=")[0].lower() not in PARAMETERS]
    return path + (question if any(parts) else "") + "&".join(parts) + mark + fragment


def _marked(return_to: str, token: str) -> str:
    """Mark the return address, so that it will carry the token of the visitor who waits."""
    if not return_to:
        return ""
    address, mark, fragment = return_to.partition("#")
    token = token if token.startswith(PREFIX) else PREFIX
    return f"{address}{'&' if '?' in address else '?'}{ID}={quote(token, safe='')}{mark}{fragment}"


async def _answer(request: Request, room: Room, visitor_id: VisitorId, network: str) -> Response:
    promoted = room.settings.gate_mode == "off"
    if not promoted:
        entering = GateVisitor(visitor_id, network, anew=room.settings.gate_mode == "auto")
        try:
            promoted = await sessions.enter(request.app.gate, room.room_id, entering) is not None
        except (StoreUnavailable, Restoring):
            if room.settings.gate_fail != "open":
                raise
            promoted = True
    token = _token(request, room.room_id, visitor_id)
    result = Result(int(promoted), token, room.room_id, from_ms(now_ms()))
    return quart_response(json_response(200, {"result": result}, [NO_STORE]))


async def _room(request: Request) -> Room:
    room_id = RoomId(request.params["room_id"])
    if request.app.hidden.refusal_for({"room_id": room_id}):
        raise NotFound
    return (await request.app.status_board.current(room_id)).room


def _token(request: Request, room_id: RoomId, visitor_id: VisitorId) -> str:
    """Sign the visitor's token. It is deterministic, since the SDK keeps it in a cookie."""
    return PREFIX + request.app.places.request_id(room_id, visitor_id, 0)


def _network(request: Request, room_id: RoomId, address: str) -> str:
    app = request.app
    return app.places.network(room_id, throttle_key(address)) if app.settings.rate_limits else ""


def _visitors_address(request: Request, address: str) -> str:
    """The visitor's address. What the shop says counts only if the shop is one of our trusted proxies."""
    trusted = request.app.trusted
    return address if address and trusted and is_trusted_proxy(request.client, trusted) else request.client


def _address_in(body: bytes) -> str:
    try:
        document: Any = msgspec.json.decode(body or b"{}")
    except msgspec.DecodeError as error:
        raise MalformedJson(f"{error}") from None
    address = document.get("ip", "") if isinstance(document, dict) else ""
    return address if isinstance(address, str) else ""


def _parameters(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query.decode("latin-1")))


def _seconds() -> str:
    return datetime.fromtimestamp(int(time.time()), UTC).isoformat().replace("+00:00", "Z")
