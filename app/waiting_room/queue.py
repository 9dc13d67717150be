"""The waiting room as visitors use it: join, place, want, claim, leave, status.

Each operation is decided by one script, run once for all callers of the same event-loop turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from app.core.errors import MembersOnly, Refusal, Restoring, StoreUnavailable
from app.core.model import Room, RoomId, RoomStatus, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.core.waiting_room import rules
from app.core.waiting_room.newcomers import are_weighed
from app.core.waiting_room.parts import part_id, part_of
from app.restoring.loaded_rooms import LoadedRooms
from app.settings import Settings
from app.store.away import stores_answer
from app.store.coalescer import Coalescer, CoalescerFull
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.postgres_watch import PostgresWatch
from app.store.redis.arrivals import number_of
from app.store.redis.busy import BusyMarks
from app.store.scripts import room as room_scripts
from app.store.scripts.newcomers import WeighRecord
from app.store.scripts.restoring import EndingRecord
from app.store.scripts.room import AskRecord, JoinRecord
from app.store.sql.waiting_room import sessions
from app.store.sql.waiting_room.ended_places import insert_ended
from app.waiting_room.arriving import Rooms, arrive
from app.waiting_room.joining import Joiner
from app.waiting_room.newcomers import former_members, returning_record, weigh
from app.waiting_room.recent_status import RecentStatus
from app.waiting_room.refusals import ASK_REFUSALS, CLAIM_REFUSALS, JOIN_REFUSALS, WANT_REFUSALS
from app.waiting_room.room_script import Answer, Outcome, RoomScript, Throttle, decide, mark_busy
from app.waiting_room.started_sessions import start_sessions

Item = TypeVar("Item")
T = TypeVar("T")
Asks = Coalescer[RoomId, PlaceClaims, Answer]

NEWEST = 2**53  # stands for an epoch later than any real one
RESTORE_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)


class Queues:
    """What one process needs to serve waiting rooms; created by `open_queues`."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self.stores = stores
        self.loaded_rooms = LoadedRooms(stores)
        self.postgres = PostgresWatch(stores.postgres)
        self.busy_marks = BusyMarks(stores.redis)
        self.captcha = bool(settings.captcha)  # whether a provider is configured
        self._settings = settings
        self.joins: Coalescer[RoomId, Joiner, Answer] = Coalescer(partial(_join_batch, self), name="join")
        self.places: Asks = Coalescer(partial(_place_batch, self), name="places")
        self.claims: Asks = Coalescer(partial(_claim_batch, self), name="claim")
        self.statuses: Coalescer[RoomId, None, tuple[Room, RoomStatus]] = Coalescer(
            partial(_status_batch, self)
        )
        self.recent = RecentStatus(partial(status, self))

    @property
    def join_throttle(self) -> Throttle:
        """How often one address may join."""
        its = self._settings
        return Throttle(
            "join", its.join_rate_per_address if its.rate_limits else 0, its.join_burst_per_address
        )

    @property
    def place_throttle(self) -> Throttle:
        """How often one place may ask and claim."""
        its = self._settings
        return Throttle("place", its.place_rate_per_minute if its.rate_limits else 0, its.place_burst)


def open_queues(stores: Stores, settings: Settings) -> Queues:
    """Create the `Queues` of this process. Call it inside the running event loop; nothing needs closing."""
    return Queues(stores, settings)


def join(queues: Queues, room_id: RoomId, joining: Joiner) -> Awaitable[Answer]:
    """Give the visitor a place, or return the one they have (`Place.new` tells which).

    Put `token_number` in their token. Raises RateLimited, RoomNotFound, RoomNotOpen, RoomClosed, RoomSoldOut,
    RemovedByStaff, LimitExceeded, ProofOfWorkNeeded (with its `cost`), CaptchaNeeded, IdentityNeeded,
    Restoring, StoreUnavailable.
    """
    return _through_restores(queues.joins, room_id, joining)


def place(queues: Queues, room_id: RoomId, claims: PlaceClaims) -> Awaitable[Answer]:
    """Look up the visitor's exact place, or how it ended within the last hour (done, left, removed ...).

    Raises RateLimited, RoomNotFound, PlaceNotFound, Restoring, StoreUnavailable.
    """
    return _through_restores(queues.places, room_id, claims)


async def set_quantity(queues: Queues, room_id: RoomId, claims: PlaceClaims, quantity: int) -> Answer:
    """Set how many tickets the visitor wants at once: they are not called while fewer are free.

    Returns their place. Raises LimitExceeded (more than one visitor may buy, or the room has no event),
    NotWaiting, what `claim` raises for a place that has ended, RoomNotFound, Restoring, RateLimited,
    StoreUnavailable.
    """
    with stores_answer():
        (record,) = await _records_of(queues, room_id, [claims])
        room_script = RoomScript(room_scripts.place, queues.place_throttle, WANT_REFUSALS)
        (outcome,) = await decide(queues, room_id, [record._replace(quantity=quantity)], room_script)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def claim(queues: Queues, room_id: RoomId, claims: PlaceClaims) -> Answer:
    """Start the session of a called visitor, or return the one they have.

    `session_expires_at_ms` is the token's `exp` * 1000, the same each time; `Place.new` is set if this call
    started the session (201). Places still waiting or in the pre-queue are returned unchanged (202).

    Raises NoShow, SessionExpired, LeftQueue, SessionDone, RemovedFromQueue, PlaceNotFound, RoomNotFound,
    Restoring, RateLimited, StoreUnavailable.
    """
    return await submit(queues.claims, room_id, claims)


async def leave(queues: Queues, room_id: RoomId, claims: PlaceClaims) -> None:
    """Leave the queue or end the session. Repeating it changes nothing. Raises RoomNotFound."""
    keys, visitor_id = RoomKeys(room_id), claims.visitor_id
    with stores_answer():
        number, epoch = await _number_of(queues, room_id, claims)
        word = await queues.loaded_rooms.when_loaded(
            room_id, lambda: room_scripts.leave(queues.stores.redis, keys, visitor_id, number, epoch)
        )
        if word in ("done", "absent"):  # absent: the session may not be restored yet
            await sessions.end_sessions(queues.stores.postgres, room_id, visitor_id)
        if word == "absent" and claims.queue_number:  # the place could still be restored
            ending = EndingRecord(visitor_id, "left", claims.queue_number)
            await insert_ended(queues.stores.postgres, room_id, [ending])


async def _number_of(queues: Queues, room_id: RoomId, claims: PlaceClaims) -> tuple[int, int]:
    """The queue number of a leaving visitor, and its epoch. In a room in parts their part knows it, too."""
    room = await queues.loaded_rooms.get(room_id)
    if claims.queue_number or room.settings.parts == 1:
        return claims.queue_number or room_scripts.NO_TOKEN, claims.epoch
    keys = RoomKeys(part_id(room_id, part_of(claims.visitor_id, room.settings.parts)))
    return await number_of(queues.stores.redis, keys, claims.visitor_id), NEWEST


async def status(queues: Queues, room_id: RoomId) -> tuple[Room, RoomStatus]:
    """The room as stored in Postgres, and its live status. Raises RoomNotFound, StoreUnavailable.

    `RoomStatus` is authoritative for state, serving position and whether the room has opened. The `Room` is
    cached in memory, and read again when its version or epoch changes.
    """
    return await submit(queues.statuses, room_id, None)


async def _through_restores(coalescer: Coalescer[RoomId, Item, T], room_id: RoomId, item: Item) -> T:
    """Retry while a room is being restored, so that callers wait a moment instead of getting an error."""
    for pause_s in RESTORE_PAUSES_S:
        try:
            return await coalescer.submit(room_id, item)
        except CoalescerFull:
            raise StoreUnavailable from None
        except Restoring:
            await asyncio.sleep(pause_s)
    return await submit(coalescer, room_id, item)


async def submit(coalescer: Coalescer[RoomId, Item, T], room_id: RoomId, item: Item) -> T:
    """Add an item to the next batch, and return its result. Raises StoreUnavailable if too many wait."""
    try:
        return await coalescer.submit(room_id, item)
    except CoalescerFull:
        raise StoreUnavailable from None


async def _join_batch(queues: Queues, room_id: RoomId, batch: list[Joiner]) -> Sequence[Outcome]:
    with stores_answer():
        room = await queues.loaded_rooms.get(room_id)
        # Without Postgres members of a lane join unchecked, and may get a second place in another browser.
        by_proof = room.settings.members_only or (room.settings.lanes and not queues.postgres.away)
        former = await former_members(queues.stores, room_id, [it.visitor_id for it in batch if by_proof])
        judged: list[Joiner | Refusal] = [MembersOnly() if it.visitor_id in former else it for it in batch]
        if are_weighed(room.settings):
            judged = await _weighed(queues, room, judged)
        joining = [it for it in judged if isinstance(it, Joiner)]
        outcomes = iter(await _join_room(queues, room, joining) if joining else ())
        return [next(outcomes) if isinstance(it, Joiner) else it for it in judged]


async def _join_room(queues: Queues, room: Room, batch: list[Joiner]) -> Sequence[Outcome]:
    ask_room = partial(_join_records, queues, room)
    if room.settings.parts == 1:
        return await ask_room(batch)
    status = await queues.recent.of(room.room_id)
    return await arrive(Rooms(queues, room, status, queues.join_throttle, ask_room), batch)


async def _weighed(queues: Queues, room: Room, batch: Sequence[Joiner | Refusal]) -> list[Joiner | Refusal]:
    """Each visitor as they may join: a suspect gets another id, which marks them as one."""
    joining = [it for it in batch if isinstance(it, Joiner)]
    judged = await weigh(queues, room, [new for it in joining if (new := _newcomer(queues, room, it))])

    def as_judged(visitor: Joiner) -> Joiner | Refusal:
        result = judged.get(visitor.visitor_id, visitor.visitor_id)
        return result if isinstance(result, Refusal) else msgspec.structs.replace(visitor, visitor_id=result)

    return [as_judged(it) if isinstance(it, Joiner) else it for it in batch]


def _newcomer(queues: Queues, room: Room, joining: Joiner) -> WeighRecord | None:
    if joining.claims is not None and joining.claims.epoch >= 0:
        return returning_record(room, joining.claims, slower=int(joining.slower))
    captcha = joining.captcha if queues.captcha and room.settings.captcha else "solved"
    work = joining.solved or (0, "")
    return WeighRecord(joining.visitor_id, joining.network, *work, int(joining.slower), captcha)


async def _join_records(queues: Queues, room: Room, batch: Sequence[Joiner]) -> Sequence[Outcome]:
    records = [
        JoinRecord(
            it.visitor_id,
            it.network,
            draw_for(room, it.visitor_id),
            *_token_fields(it.claims),
            it.quantity,
            int(it.returns),
        )
        for it in batch
    ]
    script = partial(room_scripts.join, away=1) if queues.postgres.away else room_scripts.join
    room_script = RoomScript(script, queues.join_throttle, JOIN_REFUSALS)
    return await decide(queues, room.room_id, records, room_script)


async def _place_batch(queues: Queues, room_id: RoomId, batch: list[PlaceClaims]) -> Sequence[Outcome]:
    with stores_answer():
        records = await _records_of(queues, room_id, batch)
        room_script = RoomScript(room_scripts.place, queues.place_throttle, ASK_REFUSALS)
        return await decide(queues, room_id, records, room_script)


async def _claim_batch(queues: Queues, room_id: RoomId, batch: list[PlaceClaims]) -> Sequence[Outcome]:
    with stores_answer():
        records = await _records_of(queues, room_id, batch)
        away_ms = queues.postgres.silent_ms if queues.postgres.away else 0
        script = partial(room_scripts.claim, away_ms=away_ms)
        room_script = RoomScript(script, queues.place_throttle, CLAIM_REFUSALS)
        run = partial(decide, queues, room_id, records, room_script)
        return await start_sessions(queues.stores.postgres, room_id, run)


async def _status_batch(
    queues: Queues, room_id: RoomId, batch: list[None]
) -> Sequence[tuple[Room, RoomStatus]]:
    with stores_answer():
        keys = RoomKeys(room_id)

        async def read_status() -> RoomStatus:
            now = await room_scripts.status(queues.stores.redis, keys)
            await mark_busy(queues, room_id, now)
            return now

        now = await queues.loaded_rooms.when_loaded(room_id, read_status, lambda it: it)
        return [(await queues.loaded_rooms.at_version(room_id, now), now)] * len(batch)


async def _records_of(queues: Queues, room_id: RoomId, batch: list[PlaceClaims]) -> list[AskRecord]:
    room = await queues.loaded_rooms.get(room_id)
    return [AskRecord(it.visitor_id, draw_for(room, it.visitor_id), *_token_fields(it)) for it in batch]


def draw_for(room: Room, visitor_id: VisitorId) -> int | str:
    """The visitor's draw in a lottery. The room may be outdated: a script that needs a draw asks for it."""
    if room.settings.queueing_method != "lottery":
        return room_scripts.NO_DRAW
    return rules.draw_of(rules.draw_key(room.seed, room.draw_root), visitor_id)


def _token_fields(claims: PlaceClaims | None) -> tuple[int, int, int]:
    """Queue number, epoch and quantity of a token, as the scripts take them."""
    if claims is None or claims.epoch < 0:  # accounts need no token
        return room_scripts.NO_TOKEN, 0, 0
    return claims.queue_number or room_scripts.NUMBERLESS, claims.epoch, claims.quantity
