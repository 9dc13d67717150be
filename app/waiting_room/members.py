"""Rooms for members: the organiser's login, whose proofs we accept, and the one place of each member.

A room with lanes accepts the same proofs as enqueue tokens: `lane` names the lane they put a visitor into.

A member is bound to the visitor of the browser they came with. With a new proof they may switch browsers:
their place moves along, unless they are inside or have tickets. So passing a proof on gives nobody a second
place, and somebody who sends their link to another person cannot see what that person buys.
"""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple, cast

import msgspec

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import MemberElsewhere, NotFound, ProofRefused, RoomNotFound
from app.core.gate.knownuser import Sealer
from app.core.lanes import ORDINARY
from app.core.model import RoomId, VisitorId
from app.core.tokens.handover import CARRY_TTL_S, CarryCode, new_ticket_id
from app.core.tokens.place_tokens import PlaceSigner, new_member_id
from app.core.waiting_room.members import (
    MemberLogin,
    ProofAlgorithm,
    check_login,
    is_member,
    lane_named,
    lane_of,
    read_proof,
)
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.waiting_room import members
from app.store.sql.waiting_room.members import LoginRow
from app.waiting_room.carrying import carry
from app.waiting_room.queue import Queues

SECRET_BYTES = 32
NO_LOGIN = "No login is set up for this room."


class MemberLogins(NamedTuple):
    """The stored logins, what decrypts their keys (`sealer`), and what hashes members' names (`signer`)."""

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
    """A new secret for HS256."""
    return secrets.token_urlsafe(SECRET_BYTES)


async def set_login(logins: MemberLogins, room_id: RoomId, login: MemberLogin, *, by: Author) -> None:
    """Accept the proofs of this login. Raises RoomNotFound, ValidationFailed (`key`), StoreUnavailable."""
    check_login(login)
    before = await login_of(logins, room_id)
    row = LoginRow(login.algorithm, login.audience, logins.sealer.seal(room_id, login.key))
    with stores_answer():
        async with logins.stores.postgres.acquire() as connection, connection.transaction():
            if not await members.save_login(connection, room_id, row):
                raise RoomNotFound
            changed = before is None or before.key != login.key
            after = _fields(login) | {"other_key": changed}
            was = _fields(before) | {"other_key": False} if before else None
            action = "change" if before else "create"
            await audit.record(connection, by, action, _entity(room_id), before=was, after=after)


async def remove_login(logins: MemberLogins, room_id: RoomId, *, by: Author) -> None:
    """Stop accepting proofs. Raises NotFound, StoreUnavailable."""
    with stores_answer():
        async with logins.stores.postgres.acquire() as connection, connection.transaction():
            if not await members.delete_login(connection, room_id):
                raise NotFound(NO_LOGIN)
            await audit.record(connection, by, "delete", _entity(room_id), before={"login": True})


class Member(NamedTuple):
    """The member a proof names. `key`: the hash stored for their name; `lane`: its name, "" if ordinary."""

    key: bytes
    lane: str = ""


def verify_proof(logins: MemberLogins, room_id: RoomId, login: MemberLogin | None, proof: str) -> Member:
    """Verify a proof. Returns the member it names, for `enter`. Raises ProofRefused."""
    if login is None:
        raise ProofRefused("This room does not accept proofs.")
    claims = read_proof(login, proof, room_id, time.time())
    return Member(logins.signer.member_key(room_id, f"login {claims.subject}"), claims.lane)


async def enter(queues: Queues, room_id: RoomId, member: Member, known: VisitorId | None) -> VisitorId:
    """Bind a member to the visitor of their browser, and return that visitor.

    `known` is the visitor the browser was before, if any. A place that the member has in another browser
    moves along, as does one they took before they proved which lane they are in. Raises MemberElsewhere,
    ProofRefused, RoomNotFound, Restoring, StoreUnavailable.
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
        return bound  # they are inside already, so their lane no longer matters


async def _move(queues: Queues, room_id: RoomId, key: bytes, bound: VisitorId, new: VisitorId) -> VisitorId:
    postgres = queues.stores.postgres
    with stores_answer():
        if not await members.may_move(postgres, room_id, [bound]):
            raise MemberElsewhere
        word = await _carried(queues, room_id, bound, new)
        if not await members.move(postgres, room_id, key, bound, new):
            raise MemberElsewhere
        if word == "absent":  # the other browser may have joined just before they moved
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


def _entity(room_id: RoomId) -> Entity:
    return Entity("member_login", room_id)
