"""Public calls for the e-mail address of a place."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.core.errors import MemberElsewhere, NotFound
from app.core.formats import SIX_DIGITS
from app.core.model import RoomId, Struct
from app.core.tokens.claims import PlaceClaims
from app.notifications import addresses
from app.web.api.room.identity import come_by_email
from app.web.api.room.rooms import IN_ROOM, TAG
from app.web.http.cache_control import NO_STORE
from app.web.http.credentials import (
    PLACE,
)
from app.web.http.routes import Request, Response, empty, endpoint, json_response


class MailboxDocument(Struct, frozen=True):
    """My e-mail address in this room; `asked`: a confirmation was sent there, or is about to be."""

    email: str
    confirmed: bool
    asked: bool


class CodeBody(Struct, frozen=True):
    """The code from the e-mail that asks for confirmation."""

    code: Annotated[str, Meta(pattern=SIX_DIGITS)]


@endpoint(
    "DELETE",
    "/v1/rooms/{room_id}/places/me/email",
    tag=TAG,
    auth=PLACE,
    answers={204: None},
    errors=IN_ROOM,
)
async def forget_email(request: Request, claims: PlaceClaims) -> Response:
    """Delete my e-mail address in this room, and the e-mails to it."""
    room_id = RoomId(request.params["room_id"])
    await request.app.status_board.current(room_id)
    await addresses.forget(request.app.stores, room_id, claims.visitor_id)
    return empty()


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/places/me/email",
    tag=TAG,
    auth=PLACE,
    answers={200: MailboxDocument},
    errors=(NotFound, *IN_ROOM),
)
async def read_email(request: Request, claims: PlaceClaims) -> Response:
    """Get my e-mail address in this room, and whether it is confirmed."""
    room_id = RoomId(request.params["room_id"])
    await request.app.status_board.current(room_id)
    mailbox = await addresses.of_visitor(request.app.stores, room_id, claims.visitor_id)
    if mailbox is None:
        raise NotFound("You left no e-mail address in this room.")
    return json_response(200, MailboxDocument(mailbox.email, mailbox.confirmed, mailbox.asked), [NO_STORE])


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/places/me/email/confirm",
    tag=TAG,
    auth=PLACE,
    body=CodeBody,
    answers={204: None},
    errors=(MemberElsewhere, *IN_ROOM),
)
async def confirm_email(request: Request, claims: PlaceClaims, body: CodeBody) -> Response:
    """Confirm my e-mail address with the six digits that were sent there; five attempts.

    Where newcomers join with an address, I can join afterwards, and get the place it has in another browser.
    """
    room_id = RoomId(request.params["room_id"])
    room = (await request.app.status_board.current(room_id)).room
    await addresses.confirm_by_code(request.app.stores, room_id, claims.visitor_id, body.code)
    if not await come_by_email(request, room, claims.visitor_id, moves=True):
        raise MemberElsewhere("This address is inside or has tickets, with another browser.")
    return empty()
