"""The gate: forward-auth for a proxy in front of somebody else's site.

nginx asks with `X-Original-URL`, Traefik and Caddy with `X-Forwarded-Proto/-Host/-Uri`. The token is checked
by its signature alone, so the gate holds with both stores away.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlsplit

from msgspec import Meta

from app.core.errors import (
    BookingTokenExpired,
    CredentialInvalid,
    CredentialMissing,
    RoomNotFound,
    StoreUnavailable,
    WrongRoom,
)
from app.core.model import Room, RoomId, RoomSettings, Struct
from app.web.credentials import booking_of_room
from app.web.http import Request, Response, empty, endpoint

ADDRESS_MAX = 2000


class GateQuery(Struct, frozen=True):
    """Where the visitor wanted to go."""

    return_to: Annotated[str, Meta(max_length=ADDRESS_MAX)] = ""


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/gate",
    tag="Waiting room",
    hot=True,
    query=GateQuery,
    answers={204: None, 302: None},
    headers=("X-Original-URL", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"),
    errors=(
        CredentialMissing,
        CredentialInvalid,
        BookingTokenExpired,
        WrongRoom,
        RoomNotFound,
        StoreUnavailable,
    ),
)
async def gate(request: Request, query: GateQuery) -> Response:
    """Let visitors with a booking token through: 204, else 302 to the queue page (HTML) or 401."""
    room_id = RoomId(request.params["room_id"])
    try:
        await booking_of_room(request, room_id)
    except (CredentialMissing, CredentialInvalid, BookingTokenExpired, WrongRoom):
        if "text/html" not in (request.header(b"accept") or ""):
            raise
        room = await _room(request, room_id)
        return _to_the_line(request, room_id, allowed(_asked_for(request, query), room.settings))
    return empty()


async def _room(request: Request, room_id: RoomId) -> Room:
    """The room as it is, or with a store away as this process knew it last."""
    try:
        return (await request.app.board.current(room_id)).room
    except StoreUnavailable:
        return await request.app.line.rooms.get(room_id)


def _to_the_line(request: Request, room_id: RoomId, return_to: str) -> Response:
    address = f"{request.origin()}/rooms/{room_id}"
    if return_to:
        address += f"?return_to={quote(return_to, safe='')}"
    headers = [(b"location", address.encode()), (b"cache-control", b"no-store")]
    return Response(302, b"", headers, b"text/plain; charset=utf-8")


def _asked_for(request: Request, query: GateQuery) -> str:
    """The address the visitor asked the proxy for."""
    if original := request.header(b"x-original-url"):
        return original
    if host := request.header(b"x-forwarded-host"):
        proto = request.header(b"x-forwarded-proto") or request.scheme
        return f"{proto}://{host}{request.header(b'x-forwarded-uri') or '/'}"
    return query.return_to


def allowed(address: str, settings: RoomSettings) -> str:
    """The address if it is on a host of the room, else nothing: we send nobody to a stranger's site."""
    if len(address) > ADDRESS_MAX or not address.isascii() or not address.isprintable() or "\\" in address:
        return ""
    try:
        asked = _host(address) if address.startswith(("http://", "https://")) else ""
        hosts = {_host(f"//{it}") for it in settings.allowed_return_hosts} | {_host(settings.target_url)}
    except ValueError:
        return ""
    return address if asked in hosts and asked else ""


def _host(address: str) -> str:
    """Host and port of a web address, the port only where it is not the scheme's own; "" for any other."""
    it = urlsplit(address)
    if it.scheme not in ("", "http", "https") or not it.hostname or it.username is not None:
        return ""
    own = {"": (80, 443), "http": (80,), "https": (443,)}[it.scheme]
    return it.hostname if it.port is None or it.port in own else f"{it.hostname}:{it.port}"
