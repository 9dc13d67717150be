"""Invitations to join a room for members: staff send, list and withdraw them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.core.account import Account
from app.core.accounts.invitations import InvitationSigner
from app.core.errors import Conflict, NotFound, Restoring, RoomNotFound, StoreUnavailable
from app.core.formats import Email
from app.core.model import RoomId, Struct
from app.core.notifications.email import mailbox
from app.core.waiting_room.room_invites import RoomInvite
from app.waiting_room import room_invites
from app.web.documents.sale import Page
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import App, Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import OPERATOR, author

TAG = "Staff: rooms"
AWAY = (Restoring, StoreUnavailable)
NO_MAIL = "Invitations are e-mails with a link: set up e-mail and FAIRGATE_PUBLIC_URL first."


class InviteBody(Struct, frozen=True):
    """Whom to invite; existing invitations are not affected."""

    emails: Annotated[list[Email], Meta(min_length=1, max_length=1000)]


class InvitedDocument(Struct, frozen=True):
    """How many were newly invited."""

    invited: int


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/invites",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=InviteBody,
    answers={200: InvitedDocument},
    errors=(RoomNotFound, Conflict, *AWAY),
)
async def invite_members(request: Request, account: Account, body: InviteBody) -> Response:
    """Invite people by e-mail to join a room for members, each with a personal link."""
    to = [mailbox(it, f"emails[{i}]").lower() for i, it in enumerate(body.emails)]
    app, room_id = request.app, RoomId(request.params["room_id"])
    await app.queues.loaded_rooms.read(room_id)
    links, by = links_of(app), author(request, account)
    invited = await room_invites.invite(
        app.stores, app.places, links, room_id, list(dict.fromkeys(to)), by=by
    )
    return json_response(200, InvitedDocument(invited=invited))


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/invites",
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    query=PageQuery,
    answers={200: Page[RoomInvite]},
    errors=(RoomNotFound, *AWAY),
)
async def list_invites(request: Request, account: Account, query: PageQuery) -> Response:
    """List the invitations to a room, newest first, with their state."""
    room_id, stores = RoomId(request.params["room_id"]), request.app.stores
    await request.app.queues.loaded_rooms.read(room_id)
    listed, total = await room_invites.listed(stores, room_id, "", query.per_page, query.offset)
    return page_response(request, query, listed, total)


@endpoint(
    "DELETE",
    "/v1/rooms/{room_id}/invites/{invite_id}",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    answers={204: None},
    errors=(RoomNotFound, NotFound, *AWAY),
)
async def withdraw_invite(request: Request, account: Account) -> Response:
    """Withdraw an invitation; anybody who joined with it is removed from the room."""
    room_id, invite_id = RoomId(request.params["room_id"]), request.params["invite_id"]
    await request.app.queues.loaded_rooms.read(room_id)
    await room_invites.withdraw(request.app.queues, room_id, invite_id, by=author(request, account))
    return empty()


def links_of(app: App) -> InvitationSigner:
    """The signer of links. Raises Conflict if none can be e-mailed."""
    if not app.settings.mails_links:
        raise Conflict(NO_MAIL)
    return InvitationSigner(app.settings.secret.get_secret_value().encode())
