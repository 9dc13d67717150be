"""The gate: forward-auth for a proxy in front of somebody else's site.

nginx asks with `X-Original-URL`, Traefik and Caddy with `X-Forwarded-Proto/-Host/-Uri`. A pass or a booking
token is checked by its signature alone, so who is inside goes on with both stores away.
"""

from __future__ import annotations

import time
from typing import Annotated, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

from app import gate as gatekeeping
from app.core.errors import (
    BookingTokenExpired,
    CredentialInvalid,
    CredentialMissing,
    Refusal,
    Restoring,
    RoomNotFound,
    StoreUnavailable,
    WrongRoom,
)
from app.core.handover import Ticket, ticket_in, without_ticket
from app.core.model import PassClaims, Room, RoomId, RoomSettings, Struct, session_id
from app.web.addresses import first_of
from app.web.credentials import booking_of_room, cookies
from app.web.dispatch import refuse
from app.web.http import Request, Response, empty, endpoint

ADDRESS_MAX = 2000
PASS_COOKIE = "fairgate_pass_"  # + room_id, on the shop's host
QUEUE_HEADER = b"x-fairgate-queue"
NOT_INSIDE = (CredentialMissing, CredentialInvalid, BookingTokenExpired, WrongRoom)
REDIRECT, UNAUTHORISED = 302, 401


class GateQuery(Struct, frozen=True):
    """Where the visitor wanted to go, and how a proxy takes our no: `401` where it cannot hand on a 302."""

    return_to: Annotated[str, Meta(max_length=ADDRESS_MAX)] = ""
    deny: Literal["", "302", "401"] = ""


class Asked(NamedTuple):
    """What the visitor asked the proxy for."""

    address: str  # the whole of it; "" where the proxy does not tell, or tells nonsense
    is_page: bool  # a browser opens a page: it can be sent elsewhere
    secure: bool
    deny: int  # the status a redirect has


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/gate",
    tag="Waiting room",
    hot=True,
    query=GateQuery,
    answers={204: None, 302: None},
    headers=(
        "X-Original-URL",
        "X-Original-Method",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
    ),
    errors=(
        CredentialMissing,
        CredentialInvalid,
        BookingTokenExpired,
        WrongRoom,
        RoomNotFound,
        Restoring,
        StoreUnavailable,
    ),
)
async def gate(request: Request, query: GateQuery) -> Response:
    """Let visitors with a pass or a booking token through: 204, else 302 to the queue page, or 401.

    A page that a browser opens is answered by a redirect: 302, or with `deny=401` a 401 with the same
    `Location` and `Set-Cookie`, for proxies that take no other no (nginx, ingress-nginx). Anything else is
    refused with 401 and the address of the queue page in `queue_url` and in the header `X-Fairgate-Queue`.
    A `fairgate_ticket` in the address visitors asked for becomes a pass, a cookie of the shop's host.
    """
    room_id = RoomId(request.params["room_id"])
    asked = _asked_for(request, query)
    ticket = ticket_in(asked.address)
    refusal = await _refusal(request, room_id)
    if refusal is None and not (ticket and asked.is_page):
        return empty()
    room = await _room(request, room_id)
    target = allowed(without_ticket(asked.address), room.settings)
    if refusal is None:  # they used the ticket a while ago; this is a reload, or the way back to it
        return _to(target, asked) if target else empty()
    if ticket and target and (claims := await _redeemed(request, room, asked, ticket)):
        cookie = pass_cookie(request, claims, asked.secure)
        return _to(target, asked, cookie) if asked.is_page else Response(204, b"", [cookie])
    return _to_the_line(request, room_id, target, asked, refusal)


async def _refusal(request: Request, room_id: RoomId) -> Refusal | None:
    """Why whoever asks is not inside; None: they are."""
    try:
        if token := cookies(request, PASS_COOKIE + room_id).get(""):
            await _read_pass(request, room_id, token)
        else:
            await booking_of_room(request, room_id)
    except NOT_INSIDE as refusal:
        return refusal
    return None


async def _read_pass(request: Request, room_id: RoomId, token: str) -> PassClaims:
    claims = await request.app.keyring.read_pass(token)
    if claims.room_id != room_id:
        raise CredentialInvalid(f"This pass is for the room {claims.room_id}.")
    if claims.exp <= time.time():
        raise BookingTokenExpired("The pass has run out.")
    return claims


async def _redeemed(request: Request, room: Room, asked: Asked, text: str) -> PassClaims | None:
    """The pass that a ticket is exchanged for; None if it is no good here, or not any more."""
    now_s = int(time.time())
    try:
        ticket: Ticket = request.app.handover.read(text, now_s)
        if (ticket.room_id, ticket.host) != (room.room_id, host_of(asked.address)):
            return None
        ends_ms = await gatekeeping.redeem(request.app.line, ticket)
    except (CredentialInvalid, StoreUnavailable, Restoring):
        return None
    if not ends_ms:
        return None
    return PassClaims(
        room_id=room.room_id,
        visitor_id=ticket.visitor_id,
        sid=session_id(ticket.visitor_id, ticket.queue_number),
        iat=now_s,
        exp=ends_ms // 1000,
        began=ticket.began,
    )


async def _room(request: Request, room_id: RoomId) -> Room:
    """The room as it is, or with a store away as this process knew it last."""
    try:
        return (await request.app.board.current(room_id)).room
    except StoreUnavailable:
        return await request.app.line.rooms.get(room_id)


def pass_cookie(request: Request, claims: PassClaims, secure: bool) -> tuple[bytes, bytes]:
    """Set-Cookie for a pass; it goes when the session does."""
    token = request.app.keyring.signer.sign_pass(claims)
    name, max_age_s = PASS_COOKIE + claims.room_id, max(0, claims.exp - int(time.time()))
    ending = "; Secure" if secure else ""
    text = f"{name}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{ending}"
    return b"set-cookie", text.encode()


def _to(address: str, asked: Asked, *headers: tuple[bytes, bytes]) -> Response:
    told = [(b"location", address.encode()), (b"cache-control", b"no-store"), *headers]
    return Response(asked.deny, b"", told, b"text/plain; charset=utf-8")


def _to_the_line(
    request: Request, room_id: RoomId, return_to: str, asked: Asked, refusal: Refusal
) -> Response:
    """To the queue page, and from there back to where they wanted to go; its address for who is no page."""
    address = f"{request.origin()}/rooms/{room_id}"
    if return_to:
        address += f"?return_to={quote(return_to, safe='')}"
    queue = QUEUE_HEADER, address.encode()
    if asked.is_page and asked.deny == REDIRECT:
        return _to(address, asked, queue)
    refusal.members["queue_url"] = address
    response = refuse(refusal)
    if not asked.is_page:
        return msgspec.structs.replace(response, headers=[*response.headers, queue])
    headers = [*response.headers, queue, (b"location", address.encode())]
    return msgspec.structs.replace(response, status=UNAUTHORISED, headers=headers)


def _asked_for(request: Request, query: GateQuery) -> Asked:
    address = _address(request, query)
    method = request.header(b"x-original-method") or request.header(b"x-forwarded-method") or "GET"
    mode = request.header(b"sec-fetch-mode") or "navigate"
    return Asked(
        address=address if is_clean(address) else "",
        is_page=method in ("GET", "HEAD")
        and mode == "navigate"
        and "text/html" in (request.header(b"accept") or ""),
        secure=address.lower().startswith("https:") or request.is_secure(),
        deny=UNAUTHORISED if query.deny == "401" else REDIRECT,
    )


def _address(request: Request, query: GateQuery) -> str:
    """The address the visitor asked the proxy for."""
    if original := request.header(b"x-original-url"):
        return original
    if host := first_of(request.header(b"x-forwarded-host") or ""):
        proto = first_of(request.header(b"x-forwarded-proto") or "").lower() or request.scheme
        return f"{proto}://{host}{request.header(b'x-forwarded-uri') or '/'}"
    return query.return_to


def is_clean(address: str) -> bool:
    """Whether it can stand in a header, and means one thing to everybody who reads it."""
    return (
        len(address) <= ADDRESS_MAX
        and address.isascii()
        and address.isprintable()
        and " " not in address
        and "\\" not in address
    )


def allowed(address: str, settings: RoomSettings) -> str:
    """The address if it is on a host of the room, else nothing: we send nobody to a stranger's site."""
    if not is_clean(address):
        return ""
    asked = host_of(address) if address.lower().startswith(("http://", "https://")) else ""
    hosts = {host_of(f"//{it}") for it in settings.allowed_return_hosts} | {host_of(settings.target_url)}
    return address if asked in hosts and asked else ""


def host_of(address: str) -> str:
    """Host and port of a web address, the port only where it is not the scheme's own; "" for any other."""
    try:
        it = urlsplit(address)
        if it.scheme not in ("", "http", "https") or not it.hostname or it.username is not None:
            return ""
        own = {"": (80, 443), "http": (80,), "https": (443,)}[it.scheme]
        return it.hostname if it.port is None or it.port in own else f"{it.hostname}:{it.port}"
    except ValueError:
        return ""
