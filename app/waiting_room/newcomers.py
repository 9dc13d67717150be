"""Checks newcomers before they join, in rooms that ask for it. Suspects join in another lane.

Holders of a place token for the room are not newcomers, nor are members, whom the organiser vouches for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from app.core.errors import CaptchaNeeded, IdentityNeeded, ProofOfWorkNeeded, RateLimited, Refusal
from app.core.identity import Identity
from app.core.model import Room, RoomId, RoomStatus, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.core.waiting_room.members import is_member
from app.core.waiting_room.newcomers import NEWCOMERS_WINDOW_S, is_suspect
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.scripts import newcomers as scripts
from app.store.scripts.newcomers import NewcomerVerdict, WeighRecord
from app.store.sql.waiting_room import identities, members
from app.waiting_room.room_script import RoomAccess

POLICY = "newcomers"
NOBODY = VisitorId("")
COST_MAX = 2**40  # of a proof of work; more than any room demands


def returning_record(room: Room, claims: PlaceClaims, *, slower: int) -> WeighRecord | None:
    """The check for the holder of a place token, in case their place has ended; None if there is none.

    Where newcomers must show an identity, so must they: the place may belong to another browser by now.
    """
    if room.settings.identity == "none" or claims.epoch != room.epoch:
        return None
    return WeighRecord(claims.visitor_id, "", COST_MAX, slower=slower)


async def weigh(
    rooms: RoomAccess, room: Room, newcomers: Iterable[WeighRecord]
) -> dict[VisitorId, VisitorId | Refusal]:
    """Check newcomers.

    Returns the visitor id each may join with, or the refusal. Raises what `when_loaded` does.
    """
    records = [
        it
        for it in dict.fromkeys(newcomers)
        if not is_member(it.visitor_id) and not is_suspect(it.visitor_id)
    ]
    keys = RoomKeys(room.room_id)

    def unloaded(_: RoomStatus) -> list[NewcomerVerdict]:
        # Nobody can join an unloaded room; the join script refuses them.
        return [NewcomerVerdict("anybody", "")] * len(records)

    if not records:
        return {}
    if room.settings.identity != "none":
        records = await _with_identity(rooms, room, records)
    weighed = await rooms.loaded_rooms.when_loaded(
        room.room_id, lambda: scripts.weigh(rooms.stores.redis, keys, records), unloaded
    )
    each, identity = room.settings.newcomers_per_address or 0, room.settings.identity
    return {
        it.visitor_id: _judged(it, verdict, each, identity)
        for it, verdict in zip(records, weighed, strict=True)
    }


async def _with_identity(rooms: RoomAccess, room: Room, records: Sequence[WeighRecord]) -> list[WeighRecord]:
    identified_ids = await identified(rooms.stores, room, [it.visitor_id for it in records])
    return [
        it if it.visitor_id in identified_ids or it.visitor_id == NOBODY else it._replace(identity="missing")
        for it in records
    ]


def _judged(
    record: WeighRecord, weighed: NewcomerVerdict, each: int, identity: Identity
) -> VisitorId | Refusal:
    if weighed.word == "over":
        retry_s = math.ceil(int(weighed.said) / 1000)
        return RateLimited(retry_s, policy=POLICY, quota=each, window_s=NEWCOMERS_WINDOW_S)
    if weighed.word == "work":
        return ProofOfWorkNeeded(cost=weighed.said)
    if weighed.word == "captcha":
        return CaptchaNeeded()
    if weighed.word == "identity":
        return IdentityNeeded(needed=identity)
    return VisitorId(f"{record.visitor_id}{weighed.said}")


async def work_needed(rooms: RoomAccess, room_id: RoomId, network: str) -> int:
    """The cost of the proof of work that a newcomer from this network needs now; 0 if none."""
    room = await rooms.loaded_rooms.get(room_id)
    if not room.settings.proof_of_work:
        return 0
    asking = WeighRecord(NOBODY, network)
    outcome = (await weigh(rooms, room, [asking]))[NOBODY]
    return int(outcome.members["cost"]) if isinstance(outcome, ProofOfWorkNeeded) else 0


async def identified(stores: Stores, room: Room, visitors: Sequence[VisitorId]) -> set[VisitorId]:
    """Those of `visitors` who have shown the identity that this room requires. Raises database errors."""
    its = room.settings
    return await identities.select_identified(
        stores.postgres, room.room_id, its.identity, its.accounts_before, visitors
    )


async def former_members(stores: Stores, room_id: RoomId, visitors: Sequence[VisitorId]) -> set[VisitorId]:
    """Those with a member's id that is no longer valid: they moved to another browser, or were removed."""
    of_members = {it for it in visitors if is_member(it)}
    return (
        of_members - await members.present(stores.postgres, room_id, list(of_members))
        if of_members
        else of_members
    )
