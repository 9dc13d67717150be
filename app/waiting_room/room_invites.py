"""Invitations to a room for members: each is a personal link, valid for one place in the first browser that
uses it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.accounts.invitations import InvitationSigner
from app.core.accounts.password_resets import digest
from app.core.errors import Conflict, MemberElsewhere, NotFound, ProofRefused, RoomNotFound
from app.core.model import RoomId, VisitorId
from app.core.tokens.place_tokens import PlaceSigner, new_member_id
from app.core.waiting_room.room_invites import INVITES_MAX, RoomInvite
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.waiting_room import members, rooms
from app.store.sql.waiting_room import room_invites as kept
from app.store.sql.waiting_room.room_invites import NewInvite
from app.waiting_room import control
from app.waiting_room.queue import Queues

TOKEN_MAX = 100
ID_BYTES = 16


async def invite(
    stores: Stores,
    places: PlaceSigner,
    links: InvitationSigner,
    room_id: RoomId,
    to: Sequence[str],
    *,
    by: Author,
) -> int:
    """Invite these addresses, and queue an e-mail with a link to each one not invited before. Returns how
    many.

    Raises RoomNotFound, and Conflict if the room has too many invitations.
    """
    new = [_new_invite(places, links, room_id, email) for email in to]
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            if await rooms.lock_room(connection, room_id) is None:
                raise RoomNotFound
            new_ids = await kept.invite(connection, room_id, new)
            if await kept.count(connection, room_id) > INVITES_MAX:
                raise Conflict(f"A room has at most {INVITES_MAX:,} invitations.")
            await kept.queue_mails(connection, room_id, new_ids)
            if new_ids:
                await audit.record(
                    connection, by, "invite", _entity(room_id), after={"invited": len(new_ids)}
                )
    return len(new_ids)


async def send_again(stores: Stores, room_id: RoomId, invite_id: str, *, by: Author) -> None:
    """Queue the e-mail with the link once more. Raises NotFound."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            if not await kept.queue_mails(connection, room_id, [invite_id]):
                raise NotFound("There is no such invitation.")
            await audit.record(connection, by, "send again", _entity(room_id), after={"invite_id": invite_id})


async def withdraw(queues: Queues, room_id: RoomId, invite_id: str, *, by: Author) -> None:
    """Withdraw an invitation, and remove the visitor who used it, who keeps their tickets.

    Raises NotFound, RoomNotFound, StoreUnavailable.
    """
    with stores_answer():
        async with queues.stores.postgres.acquire() as connection, connection.transaction():
            withdrawn = await kept.withdraw(connection, room_id, invite_id)
            if withdrawn is None:
                raise NotFound("There is no such invitation.")
            before = {"invite_id": invite_id, "used": withdrawn[1] is not None}
            await audit.record(connection, by, "withdraw invitation", _entity(room_id), before=before)
    if withdrawn[1] is not None:
        await control.remove(queues, room_id, withdrawn[1], by=by)


async def listed(
    stores: Stores, room_id: RoomId, text: str, limit: int, offset: int
) -> tuple[list[RoomInvite], int]:
    """A page of a room's invitations that match `text`, newest first, and how many match in all."""
    with stores_answer():
        invites = await kept.select_page(stores.postgres, room_id, text, limit, offset)
        return invites, await kept.count(stores.postgres, room_id, text)


async def is_good(stores: Stores, room_id: RoomId, token: str) -> bool:
    """Whether the token of an invitation link is valid. Raises StoreUnavailable."""
    return await _key(stores, room_id, token) is not None


async def accept(queues: Queues, room_id: RoomId, token: str, known: VisitorId | None) -> VisitorId:
    """Bind an invitation to the first browser that uses it. Returns its visitor, the same on each later use.

    Raises ProofRefused, MemberElsewhere (used in another browser), RoomNotFound, StoreUnavailable.
    """
    key, new = await _key(queues.stores, room_id, token), new_member_id()
    if key is None:
        raise ProofRefused("This invitation is invalid or has been withdrawn.")
    with stores_answer():
        bound = await members.enter(queues.stores.postgres, room_id, key, new)
    if bound is None:
        raise RoomNotFound
    if bound not in (known, new):
        raise MemberElsewhere("This invitation was used in another browser.")
    return bound


async def _key(stores: Stores, room_id: RoomId, token: str) -> bytes | None:
    if not 0 < len(token) <= TOKEN_MAX:
        return None
    with stores_answer():
        return await kept.key_of_link(stores.postgres, room_id, digest(token))


def _new_invite(places: PlaceSigner, links: InvitationSigner, room_id: RoomId, email: str) -> NewInvite:
    invite_id = secrets.token_urlsafe(ID_BYTES)
    key = places.member_key(room_id, f"invite {invite_id}")
    return NewInvite(invite_id, digest(links.room_token(invite_id)), key, email)


def _entity(room_id: RoomId) -> Entity:
    return Entity("invitations", room_id)
