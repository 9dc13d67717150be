"""Newcomers are weighed before they join, in rooms that ask for it: who is a suspect joins in another lane.

Who has a place token of the room is no newcomer, nor is a member, whom the organiser vouches for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from app.core.claims import PlaceClaims
from app.core.errors import CaptchaNeeded, IdentityNeeded, ProofOfWorkNeeded, RateLimited, Refusal
from app.core.identity import Identity
from app.core.members import is_member
from app.core.model import Room, RoomId, RoomStatus, VisitorId
from app.core.newcomers import NEWCOMERS_WINDOW_S, is_suspect
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.scripts import newcomers as scripts
from app.store.scripts.newcomers import Weighed, WeighRecord
from app.store.sql import identities, members
from app.waiting_room.room_script import RoomAccess

POLICY = "newcomers"
NOBODY = VisitorId("")
COST_MAX = 2**40  # of a proof of work: more than any room asks for


def comes_back(room: Room, known: PlaceClaims, *, slower: int) -> WeighRecord | None:
    """What is asked of the holder of a place token if the place has ended: where newcomers show who they are,
    so do they, because it may be another browser's by now."""
    if room.settings.identity == "none" or known.epoch != room.epoch:
        return None
    return WeighRecord(known.visitor_id, "", COST_MAX, slower=slower)


async def weigh(
    rooms: RoomAccess, room: Room, came: Iterable[WeighRecord]
) -> dict[VisitorId, VisitorId | Refusal]:
    """As whom each newcomer may join, or why they may not. Raises what `when_loaded` does."""
    records = [
        it for it in dict.fromkeys(came) if not is_member(it.visitor_id) and not is_suspect(it.visitor_id)
    ]
    keys = RoomKeys(room.room_id)

    def unloaded(_: RoomStatus) -> list[Weighed]:
        return [Weighed("anybody", "")] * len(
            records
        )  # nobody can join: the script that they join by says so

    if not records:
        return {}
    if room.settings.identity != "none":
        records = await _with_identity(rooms, room, records)
    weighed = await rooms.loaded_rooms.when_loaded(
        room.room_id, lambda: scripts.weigh(rooms.stores.redis, keys, records), unloaded
    )
    each, identity = room.settings.newcomers_per_address or 0, room.settings.identity
    return {
        it.visitor_id: _judged(it, said, each, identity) for it, said in zip(records, weighed, strict=True)
    }


async def _with_identity(rooms: RoomAccess, room: Room, records: Sequence[WeighRecord]) -> list[WeighRecord]:
    known = await shown(rooms.stores, room, [it.visitor_id for it in records])
    return [
        it if it.visitor_id in known or it.visitor_id == NOBODY else it._replace(identity="missing")
        for it in records
    ]


def _judged(it: WeighRecord, weighed: Weighed, each: int, identity: Identity) -> VisitorId | Refusal:
    if weighed.word == "over":
        retry_s = math.ceil(int(weighed.said) / 1000)
        return RateLimited(retry_s, policy=POLICY, quota=each, window_s=NEWCOMERS_WINDOW_S)
    if weighed.word == "work":
        return ProofOfWorkNeeded(cost=weighed.said)
    if weighed.word == "captcha":
        return CaptchaNeeded()
    if weighed.word == "identity":
        return IdentityNeeded(needed=identity)
    return VisitorId(f"{it.visitor_id}{weighed.said}")


async def work_needed(rooms: RoomAccess, room_id: RoomId, network: str) -> int:
    """What a proof of work would have to cost whoever joined from there now; 0: none is needed."""
    room = await rooms.loaded_rooms.get(room_id)
    if not room.settings.proof_of_work:
        return 0
    asking = WeighRecord(NOBODY, network)
    found = (await weigh(rooms, room, [asking]))[NOBODY]
    return int(found.members["cost"]) if isinstance(found, ProofOfWorkNeeded) else 0


async def shown(stores: Stores, room: Room, visitors: Sequence[VisitorId]) -> set[VisitorId]:
    """Those who have shown of who they are what newcomers of this room show. Raises what Postgres does."""
    its = room.settings
    return await identities.select_shown(
        stores.postgres, room.room_id, its.identity, its.accounts_before, visitors
    )


async def outside(stores: Stores, room_id: RoomId, visitors: Sequence[VisitorId]) -> set[VisitorId]:
    """Those who were members: each has become another one, in another browser, or was struck off."""
    came = {it for it in visitors if is_member(it)}
    return came - await members.present(stores.postgres, room_id, list(came)) if came else came
