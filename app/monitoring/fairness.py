"""Public figures on the fairness of a room's queue: its log in numbers, the rate kept, the waits shown."""

from __future__ import annotations

import msgspec

from app.core.assurance.log_tally import Tally
from app.core.assurance.room_log import Head, unchecked
from app.core.clock import now_ms
from app.core.model import Room
from app.core.monitoring import report as arithmetic
from app.core.monitoring.report import Waits
from app.core.waiting_room.rate_kept import RateKept, rate_kept
from app.monitoring.report import steps_of, unstored_samples
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.assurance import cosignatures
from app.store.sql.assurance import room_log as stored
from app.store.sql.waiting_room import rooms
from app.waiting_room.log_tally import tally_of


class LogFigures(msgspec.Struct, frozen=True):
    """A room's log: its length, its newest signed head, and the tally of its first `counted` leaves."""

    size: int
    head: Head | None
    counted: int
    tally: Tally
    cosigned: dict[str, int]  # leaves, by the name of the witness


class Fairness(msgspec.Struct, frozen=True):
    """`log`: None before anything has happened; `rate`, `waits`: None while nobody waited."""

    log: LogFigures | None
    rate: RateKept | None
    waits: Waits | None


async def fairness(stores: Stores, room: Room) -> Fairness:
    """The fairness figures of a room. Reads its history: call every few seconds at most.

    Raises StoreUnavailable.
    """
    unstored = await unstored_samples(stores, room)
    with stores_answer():
        async with (
            stores.postgres.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            step_s, steps = await steps_of(connection, room, unstored, now_ms())
            progress = await rooms.select_progress(connection, room.room_id)
            log = await stored.select_log(connection, room.room_id)
            figures = None
            if log is not None:
                head = await stored.select_head(connection, room.room_id)
                counted, tally = await tally_of(connection, room.room_id, log.size)
                cosigned = await cosignatures.select_cosigned(connection, room.room_id)
                newest = unchecked(head.statement) if head else None
                figures = LogFigures(log.size, newest, counted, tally, cosigned)
    return Fairness(figures, rate_kept(steps, step_s), arithmetic.waits(progress, steps))
