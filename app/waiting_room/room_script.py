"""Runs a room's script for a batch of visitors, and again with what it lacked, until each has an outcome."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from app.core import errors
from app.core.errors import Refusal, StoreUnavailable
from app.core.model import Place, RoomId, RoomStatus, VisitorId
from app.core.waiting_room import rules
from app.restoring.loaded_rooms import LoadedRooms
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis.busy import BusyMarks
from app.store.scripts import room as room_scripts
from app.store.scripts.room import Answers, AskRecord, JoinRecord, RefusedRecord
from app.store.sql.waiting_room import queue_numbers
from app.store.sql.waiting_room.carried_places import select_carried
from app.waiting_room.ended_places import load_endings
from app.waiting_room.queue_numbers import reserve_numbers

Answer = tuple[Place, RoomStatus]
Outcome = Answer | Exception
Record = JoinRecord | AskRecord

ROUNDS_MAX = 10  # of loading from Postgres what a script needs to decide
WINDOW_S = 60  # the throttles count by the minute


class Throttle(msgspec.Struct, frozen=True):
    """Calls per minute with a burst; a rate of 0 is no limit. `policy` is the name in `RateLimit-Policy`."""

    policy: str
    rate: int
    burst: int

    def refusal(self, retry_after_ms: int) -> Refusal:
        """The refusal of a throttled caller."""
        return errors.RateLimited(
            math.ceil(retry_after_ms / 1000), policy=self.policy, quota=self.rate, window_s=WINDOW_S
        )


class Elsewhere(Exception):
    """A room in parts has no place for this visitor itself; their part gives them one."""


class RoomAccess(Protocol):
    """What running a room's script needs; `Queues` provides it."""

    stores: Stores
    loaded_rooms: LoadedRooms
    busy_marks: BusyMarks


class RoomScript(NamedTuple):
    """A script that answers each record, with its throttle and its refusals."""

    script: Callable[..., Awaitable[Answers]]
    throttle: Throttle
    refusals: dict[str, type[Refusal]]

    def run(self, stores: Stores, room_id: RoomId, records: Sequence[Record]) -> Awaitable[Answers]:
        """Run the script for these records. Raises what its reply means."""
        limits = {"rate": self.throttle.rate, "burst": self.throttle.burst}
        return self.script(stores.redis, RoomKeys(room_id), records, **limits)

    def outcome(self, answer: Place | RefusedRecord, now: RoomStatus) -> Outcome | None:
        """The caller's answer, or None if the script must be run again."""
        if isinstance(answer, RefusedRecord):
            if answer.word == "limited":
                return self.throttle.refusal(answer.retry_after_ms)
            if answer.word == "elsewhere":
                return Elsewhere()
            refusal = self.refusals.get(answer.word)
            return refusal() if refusal else None
        refusal = self.refusals.get(answer.state)
        return refusal() if refusal else (answer, now)


async def mark_busy(rooms: RoomAccess, room_id: RoomId, now: RoomStatus) -> None:
    """Mark the room as busy, so that a worker ticks it."""
    if now.waiting or now.called or now.active:
        await rooms.busy_marks.note(room_id)


async def decide(
    rooms: RoomAccess, room_id: RoomId, records: Sequence[Record], room_script: RoomScript
) -> list[Outcome]:
    """Run the script, loading what it lacks from Postgres, until each record has an outcome. In order."""
    outcomes: list[Outcome] = [StoreUnavailable()] * len(records)
    undecided = dict(enumerate(records))
    for _ in range(ROUNDS_MAX):
        answers = await _run_script(rooms, room_id, list(undecided.values()), room_script)
        again: dict[int, tuple[Record, str]] = {}
        for (i, record), answer in zip(undecided.items(), answers.places, strict=True):
            outcome = room_script.outcome(answer, answers.status)
            if outcome is not None:
                outcomes[i] = outcome
            elif isinstance(answer, RefusedRecord):
                again[i] = record, answer.word
        if not again:
            break
        undecided = dict(zip(again, await _supply(rooms, room_id, list(again.values())), strict=True))
    return outcomes


async def _run_script(
    rooms: RoomAccess, room_id: RoomId, records: list[Record], room_script: RoomScript
) -> Answers:
    """Run the script once. Newcomers cannot join an unloaded room, so they do not load it."""

    async def run() -> Answers:
        answers = await room_script.run(rooms.stores, room_id, records)
        rooms.loaded_rooms.forget_if_replaced(room_id, answers.status)
        await mark_busy(rooms, room_id, answers.status)
        return answers

    def unloaded(now: RoomStatus) -> Answers:
        return Answers(now, [RefusedRecord("closed", 0)] * len(records))

    strangers = all(isinstance(it, JoinRecord) and it.known_number == room_scripts.NO_TOKEN for it in records)
    return await rooms.loaded_rooms.when_loaded(room_id, run, unloaded if strangers else None)


async def _supply(rooms: RoomAccess, room_id: RoomId, again: list[tuple[Record, str]]) -> list[Record]:
    """Provide what the script lacked, and return the records to run it with: queue numbers, draws, and from
    before the room was restored how places ended and which numbers a draw gave."""
    if any(word == "numbers_exhausted" for _, word in again):
        await rooms.loaded_rooms.when_loaded(room_id, lambda: reserve_numbers(rooms.stores, room_id))
    carried: set[tuple[str, int]] = set()
    if unchecked := [(it.visitor_id, it.known_number) for it, word in again if word == "unchecked"]:
        visitors = [visitor_id for visitor_id, _ in unchecked]
        await rooms.loaded_rooms.when_loaded(room_id, lambda: load_endings(rooms.stores, room_id, visitors))
        carried = await select_carried(rooms.stores.postgres, room_id, unchecked)
    undrawn = [VisitorId(record.visitor_id) for record, word in again if word == "undrawn"]
    drawn = await queue_numbers.select_drawn(rooms.stores.postgres, room_id, undrawn) if undrawn else {}
    room = await rooms.loaded_rooms.get(room_id)
    key = rules.draw_key(room.seed, room.draw_root)
    prepared: list[Record] = []
    for record, word in again:
        if isinstance(record, JoinRecord):
            record = record._replace(address="")  # already counted by the throttle
        if word == "undrawn":
            number = drawn.get(VisitorId(record.visitor_id), room_scripts.NOT_DRAWN)
            record = record._replace(known_number=number)
        if word == "unchecked":
            was_carried = (record.visitor_id, record.known_number) in carried
            record = record._replace(
                known_epoch=room_scripts.CARRIED if was_carried else room_scripts.CHECKED
            )
        if word == "no_draw":
            record = record._replace(draw=rules.draw_of(key, record.visitor_id))
        prepared.append(record)
    return prepared
