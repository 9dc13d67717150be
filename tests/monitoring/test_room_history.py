"""The history of a room: samples are rolled up into rows, which outlive Redis but not the room."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.core.clock import from_ms, now_ms
from app.core.model import RoomId
from app.core.waiting_room.history import COARSE_S, FINE_S, Sample, since_creation, step_s_for, steps
from app.monitoring import history
from app.settings import Settings
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis import busy
from app.store.redis import history as kept
from app.store.sql import retention
from app.store.sql.monitoring import room_history
from app.store.sql.waiting_room import rooms, rooms_gone
from app.waiting_room import control
from app.waiting_room.queue import open_queues
from tests.monitoring.test_samples import START
from tests.support.builders import ROOM, SEED, STAFF, a_stored_room
from tests.support.builders import a_row as a_room

MINUTE = 1_800_000_000_000 // 60_000 * 60_000  # the end of a whole minute
KEYS = RoomKeys(ROOM)


def moment(second: int, **changed: Any) -> Sample:
    """The room at this time after `MINUTE`; one more visitor joins each second."""
    fields = {"at_ms": MINUTE + 1000 * second, "joined": second, "generation": "g"} | changed
    return msgspec.structs.replace(START, **fields)


async def sampled(stores: Stores, *samples: Sample) -> None:
    """A room with these samples."""
    if await rooms.insert_room(stores.postgres, ROOM, a_room().room.settings, SEED):
        await stores.postgres.execute("UPDATE rooms SET generation = 'g'")
    await kept.add(stores.redis, [(KEYS, it) for it in samples])
    await busy.mark_busy(stores.redis, busy.KEYS, [ROOM])


async def rows(stores: Stores, step_s: int) -> list[tuple[int, int, int]]:
    """The steps stored: seconds after `MINUTE`, samples, how many had joined by then."""
    found = await room_history.select_steps(stores.postgres, ROOM, step_s)
    return [((it.sample.at_ms - MINUTE) // 1000, it.samples, it.sample.joined) for it in found]


def test_a_step_ends_as_the_room_was_then_and_keeps_the_peaks() -> None:
    moments = [
        moment(9, waiting=5, reserve_p99_ms=70),
        moment(10, waiting=9, backlog=4),  # the end of a step belongs to it
        moment(11, waiting=7, pace=(1.0, 0.0, 1.0)),
    ]
    first, second = steps(moments, FINE_S, MINUTE + 23_000)
    assert (first.samples, first.sample.at_ms) == (2, MINUTE + 10_000)
    assert (first.sample.waiting, first.sample.backlog, first.sample.reserve_p99_ms) == (9, 4, 70)
    assert (first.sample.joined, second.sample.joined) == (10, 11)
    assert second.sample.pace == (1.0, 0.0, 1.0)
    assert len(list(steps(moments, FINE_S, MINUTE + 22_999))) == 1  # the second may not be complete yet


def test_the_first_step_counts_from_nothing_and_long_sales_are_shown_in_wider_steps() -> None:
    drawn = since_creation([moment(60, joined=600), moment(120, joined=660)], COARSE_S)
    assert [it.inflow for it in drawn] == [600, 60]
    assert since_creation([], COARSE_S) == []
    widths = [step_s_for(hours * 3600) for hours in (0, 2, 12, 13, 24 * 365, 24 * 36500)]
    assert widths == [10, 10, 60, 120, 86_400, 604_800]


async def test_samples_are_rolled_up_once_and_gaps_stay_gaps(stores: Stores) -> None:
    await sampled(stores, *(moment(it) for it in (*range(1, 35), *range(55, 96))))
    now = MINUTE + 98_000
    for _ in range(2):
        await history.roll_up(stores, now)
    fine = [(10, 10, 10), (20, 10, 20), (30, 10, 30), (40, 4, 34), (60, 6, 60), (70, 10, 70), (80, 10, 80)]
    assert await rows(stores, FINE_S) == [*fine, (90, 10, 90)]
    assert await rows(stores, COARSE_S) == [(60, 40, 60)]
    # Redis was lost, including its counters; what was stored before stays.
    await stores.redis.flushall()
    await sampled(stores, *(moment(it, joined=it - 100) for it in range(101, 124)))
    await history.roll_up(stores, MINUTE + 130_000)
    assert await rows(stores, FINE_S) == [*fine, (90, 10, 90), (110, 10, 10), (120, 10, 20)]
    assert await rows(stores, COARSE_S) == [(60, 40, 60), (120, 20, 20)]
    hour = await history.over(stores, ROOM, "1h", MINUTE + 3_640_000)  # from 0:40 on
    assert [(it.at_ms - MINUTE) // 1000 for it in hour.points] == [60, 70, 80, 90, 110, 120]
    assert [it.inflow for it in hour.points] == [78, 60, 60, 60, 0, 60]
    sale = await history.over(stores, ROOM, "sale", MINUTE + 180_000)
    assert (sale.step_s, [it.inflow for it in sale.points][:2]) == (FINE_S, [60, 60])
    later = await history.over(stores, ROOM, "sale", MINUTE + 90_000_000)  # the fine steps may be gone
    assert (later.step_s, [it.at_ms - MINUTE for it in later.points]) == (300, [300_000])


async def test_more_samples_replace_a_step_that_was_stored_too_early(stores: Stores) -> None:
    await sampled(stores, *(moment(it) for it in range(1, 8)))
    await history.roll_up(stores, MINUTE + 13_000)
    await sampled(stores, moment(9))
    await history.roll_up(stores, MINUTE + 13_000)
    assert await rows(stores, FINE_S) == [(10, 8, 9)]


async def test_history_goes_with_the_room_and_fine_steps_after_a_day(stores: Stores) -> None:
    await sampled(stores, *(moment(it) for it in range(1, 61)), moment(61, generation="of a room before"))
    await history.roll_up(stores, MINUTE + 75_000)
    assert len(await rows(stores, FINE_S)) == 6  # nothing of the other room
    await stores.postgres.execute(
        "UPDATE room_history SET at = now() - interval '25 hours' + (at - $1)", from_ms(MINUTE)
    )
    await retention.forget(stores.postgres, 0)
    assert await rows(stores, FINE_S) == []
    assert await stores.postgres.fetchval("SELECT count(*) FROM room_history WHERE step_s = 60") == 1
    async with stores.postgres.acquire() as connection, connection.transaction():
        await rooms_gone.empty_room(connection, ROOM, SEED)
    assert await stores.postgres.fetchval("SELECT count(*) FROM room_history") == 0


async def test_a_room_whose_samples_cannot_be_read_does_not_keep_others_from_being_sampled(
    stores: Stores,
) -> None:
    queues, other = open_queues(stores, Settings(rate_limits=False)), RoomId("club")
    for room_id in (ROOM, other):
        await a_stored_room(stores, room_id)
        await control.set_state(queues, room_id, "open", by=STAFF)
    await busy.mark_busy(stores.redis, busy.KEYS, [ROOM, other])
    await stores.redis.set(RoomKeys(other).samples, "not a stream", ex=60)
    await history.take_sample(queues, history.Latency())
    assert [it.state for it in await history.recent(stores, ROOM)] == ["open"]


@pytest.mark.parametrize(("ahead_ms", "is_begun_anew"), [(30_000, False), (3_600_000, True)])
async def test_samples_begin_anew_once_a_clock_was_set_back(
    stores: Stores, ahead_ms: int, is_begun_anew: bool
) -> None:
    """A worker whose clock is a little ahead does not throw samples away."""
    queues = open_queues(stores, Settings(rate_limits=False))
    await a_stored_room(stores)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await busy.mark_busy(stores.redis, busy.KEYS, [ROOM])
    future = msgspec.structs.replace(START, at_ms=now_ms() + ahead_ms)
    await kept.add(stores.redis, [(KEYS, future)])
    await history.take_sample(queues, history.Latency())
    (sample,) = await history.recent(stores, ROOM)
    assert (sample.at_ms <= now_ms()) == is_begun_anew
