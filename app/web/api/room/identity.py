"""Identifying newcomers by e-mail address before they join, in rooms that require it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.core.errors import Conflict, CredentialInvalid, MemberElsewhere, RateLimited, WrongRoom
from app.core.formats import LOCALE, Email
from app.core.model import Room, RoomId, Struct, VisitorId
from app.core.notifications.email import mailbox, mailbox_of
from app.core.tokens.place_tokens import new_visitor_id
from app.notifications import addresses
from app.store.sql.waiting_room.identities import ShownIdentity
from app.waiting_room import identities
from app.web.api.mailbox import mail_locale, new_mailbox
from app.web.api.room.rooms import IN_ROOM, TAG, who_joins
from app.web.http.cache_control import NO_STORE
from app.web.http.cookies import newcomer_cookie, newcomer_token
from app.web.http.credentials import may_identify, network_of, sent_token
from app.web.http.routes import Request, Response, endpoint, json_response


class IdentityBody(Struct, frozen=True):
    """The address to join with, and the language of the e-mail."""

    email: Email
    locale: Annotated[str, Meta(pattern=LOCALE)] | None = None


class IdentityDocument(Struct, frozen=True):
    """The result. `asked`: a code was sent there, or soon will be; `confirmed`: the address already was.

    `place_token` identifies you: send it with the code, and when you join.
    """

    email: str
    asked: bool
    confirmed: bool
    place_token: str


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/identity",
    tag=TAG,
    body=IdentityBody,
    answers={202: IdentityDocument},
    headers=("X-Place-Token",),
    errors=(CredentialInvalid, WrongRoom, Conflict, RateLimited, *IN_ROOM),
)
async def show_identity(request: Request, body: IdentityBody) -> Response:
    """E-mail me a code that confirms my address, with which I can join a room that requires one.

    Send the code to `/places/me/email/confirm`, even before the room opens. A mailbox gets one place.
    """
    room_id, email = RoomId(request.params["room_id"]), mailbox(body.email)
    room = (await request.app.status_board.current(room_id)).room
    if room.settings.identity != "email":
        raise Conflict("Newcomers of this room need no e-mail address.")
    claims = await who_joins(request) if may_identify(request) else None
    visitor_id = claims.visitor_id if claims else new_visitor_id(network_of(request, room_id))
    await ask_to_join(request, room, visitor_id, email, body.locale or "")
    found = await addresses.of_visitor(request.app.stores, room_id, visitor_id)
    token = (sent_token(request) if claims else None) or newcomer_token(request, room_id, visitor_id)
    document = IdentityDocument(
        email=email,
        asked=found is not None and found.asked,
        confirmed=found is not None and found.confirmed,
        place_token=token,
    )
    headers = [NO_STORE] if claims else [newcomer_cookie(request, room_id, visitor_id), NO_STORE]
    return json_response(202, document, headers)


async def ask_to_join(request: Request, room: Room, visitor_id: VisitorId, email: str, locale: str) -> None:
    """Send a code to the address unless this visitor has confirmed it. Raises RateLimited,
    StoreUnavailable."""
    await request.app.throttles.identity(request.client)
    locale = await mail_locale(request, room.room_id, locale)
    await addresses.request_confirmation(
        request.app.stores, new_mailbox(request, visitor_id, email, locale, guest=True)
    )
    await come_by_email(request, room, visitor_id, moves=False)


async def come_by_email(request: Request, room: Room, visitor_id: VisitorId, *, moves: bool) -> bool:
    """Let a visitor join with the address they confirmed, if the room requires one.

    If the address has a place in another browser, it moves here if `moves`. Returns False if it stays there.
    Raises RoomNotFound, Restoring, StoreUnavailable.
    """
    if room.settings.identity != "email":
        return True
    mailbox = await addresses.of_visitor(request.app.stores, room.room_id, visitor_id)
    if mailbox is None or not mailbox.confirmed:
        return True
    try:
        identity = ShownIdentity(key_of(request, room.room_id, mailbox.email), "email")
        await identities.enter(request.app.queues, room, identity, visitor_id, moves=moves)
    except MemberElsewhere:
        return False
    return True


def key_of(request: Request, room_id: RoomId, email: str) -> bytes:
    """The key under which a mailbox is stored in a room, however its address is spelled."""
    return request.app.places.member_key(room_id, f"mailbox {mailbox_of(email)}")
