"""Rooms for members: the organiser's login, whose proofs are taken, and the one place each member has.

A room with lanes takes the same proofs, as enqueue tokens: `lane` names the lane they put a visitor into.

A member is bound to the visitor of the browser they came with. With another proof they may come with another
one: their place goes along, unless they are inside or have tickets. So a proof that is passed on gives no
second place, and whoever sends somebody else a link sees nothing of what they buy.
"""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple, cast

import msgspec

from app import audit
from app.audit import Thing
from app.core.account import Author
from app.core.errors import MemberElsewhere, NotFound, ProofRefused, RoomNotFound
from app.core.handover import CARRY_TTL_S, CarryCode, new_ticket_id
from app.core.knownuser import Sealer
from app.core.lanes import ORDINARY
from app.core.members import (
    MemberLogin,
    ProofAlgorithm,
    check_login,
    is_member,
    lane_named,
    lane_of,
    read_proof,
)
from app.core.model import RoomId, VisitorId
from app.core.place_tokens import PlaceSigner, new_member_id
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql import members
from app.store.sql.members import LoginRow
from app.waiting_room.carrying import carry
from app.waiting_room.queue import Queues

SECRET_BYTES = 32
NO_LOGIN = "No login is set up for this room."


class MemberLogins(NamedTuple):
    """The stored logins, the key that opens theirs, and what members' names are hashed with."""

    stores: Stores
    sealer: Sealer
    signer: PlaceSigner


async def login_of(logins: MemberLogins, room_id: RoomId) -> MemberLogin | None:
    """The login of a room, or None. Raises StoreUnavailable."""
    with stores_answer():
        row = await members.select_login(logins.stores.postgres, room_id)
    key = logins.sealer.open(room_id, row.sealed) if row else None
    return MemberLogin(cast(ProofAlgorithm, row.algorithm), key, row.audience) if row and key else None


def new_secret() -> str:
    """A secret for HS256."""
    return secrets.token_urlsafe(SECRET_BYTES)


async def set_login(logins: MemberLogins, room_id: RoomId, login: MemberLogin, *, by: Author) -> None:
    """Take the proofs of this login. Raises RoomNotFound, ValidationFailed (`key`), StoreUnavailable."""
    check_login(login)
    before = await login_of(logins, room_id)
    row = LoginRow(login.algorithm, login.audience, logins.sealer.seal(room_id, login.key))
    with stores_answer():
        async with logins.stores.postgres.acquire() as connection, connection.transaction():
            if not await members.put_login(connection, room_id, row):
                raise RoomNotFound
            changed = before is None or before.key != login.key
            after = _fields(login) | {"other_key": changed}
            was = _fields(before) | {"other_key": False} if before else None
            action = "change" if before else "create"
            await audit.record(connection, by, action, _thing(room_id), before=was, after=after)


async def remove_login(logins: MemberLogins, room_id: RoomId, *, by: Author) -> None:
    """Take no proofs any more. Raises NotFound, StoreUnavailable."""
    with stores_answer():
        async with logins.stores.postgres.acquire() as connection, connection.transaction():
            if not await members.delete_login(connection, room_id):
                raise NotFound(NO_LOGIN)
            await audit.record(connection, by, "delete", _thing(room_id), before={"login": True})


class Member(NamedTuple):
    """Whom a proof names: what is kept of their name, and the name of their lane; "": the ordinary one."""

    key: bytes
    lane: str = ""


def proven(logins: MemberLogins, room_id: RoomId, login: MemberLogin | None, proof: str) -> Member:
    """Which member a proof names, as `enter` takes it. Raises ProofRefused."""
    if login is None:
        raise ProofRefused("This room takes no proofs.")
    said = read_proof(login, proof, room_id, time.time())
    return Member(logins.signer.member_key(room_id, f"login {said.subject}"), said.lane)


async def enter(queues: Queues, room_id: RoomId, member: Member, known: VisitorId | None) -> VisitorId:
    """The visitor that a member is from now on: the one of their browser, which is `known` if they came with
    it before. A place they have with another browser goes along, and so does one they took before they showed
    which lane they are in.

    Raises MemberElsewhere, ProofRefused, RoomNotFound, Restoring, StoreUnavailable.
    """
    room = await queues.loaded_rooms.get(room_id) if member.lane else None
    lane = lane_named(member.lane, room.settings.lanes) if room else ORDINARY
    new = new_member_id(lane)
    with stores_answer():
        bound = await members.enter(queues.stores.postgres, room_id, member.key, new)
    if bound is None:
        raise RoomNotFound
    if bound == new and lane and known and not is_member(known):
        with stores_answer():
            await carry(queues, _code(room_id, known), new, replace=False)
    if bound == new or (bound == known and lane_of(bound) == lane):
        return bound
    try:
        return await _move(queues, room_id, member.key, bound, new)
    except MemberElsewhere:
        if bound != known:
            raise
        return bound  # they are inside, and so it is no matter which lane they came by


async def _move(queues: Queues, room_id: RoomId, key: bytes, bound: VisitorId, new: VisitorId) -> VisitorId:
    postgres = queues.stores.postgres
    with stores_answer():
        if not await members.may_move(postgres, room_id, [bound]):
            raise MemberElsewhere
        word = await _carried(queues, room_id, bound, new)
        if not await members.move(postgres, room_id, key, bound, new):
            raise MemberElsewhere
        if word == "absent":  # they may have joined with the other browser just before they moved
            await _carried(queues, room_id, bound, new)
    return new


async def _carried(queues: Queues, room_id: RoomId, from_id: VisitorId, to_id: VisitorId) -> str:
    word = await carry(queues, _code(room_id, from_id), to_id, replace=True)
    if word not in ("carried", "absent"):
        raise MemberElsewhere
    return word


def _code(room_id: RoomId, from_id: VisitorId) -> CarryCode:
    return CarryCode(new_ticket_id(), room_id, from_id, int(time.time()) + CARRY_TTL_S)


def _fields(login: MemberLogin) -> dict[str, object]:
    fields = msgspec.structs.asdict(login)
    del fields["key"]
    return fields


def _thing(room_id: RoomId) -> Thing:
    return Thing("member_login", room_id)
