"""The controller in the worker: rooms run without intervention, whatever fails around them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import pytest

from app.core.lanes import Lane
from app.core.model import Place, RoomStatus
from app.settings import Settings
from app.store.connections import Stores, connect_postgres
from app.store.keys import WORKERS
from app.store.scripts import admission
from app.store.sql.waiting_room import rooms
from app.waiting_room import control
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join, open_queues, place, status
from tests.conftest import Servers
from tests.restoring.test_rebuild_lanes import in_lane
from tests.support.builders import KEYS, ROOM, STAFF, Client, a_stored_room, a_visitor, token
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.wire import a_wire
from worker.admission import LOOPS
from worker.context import WorkerContext
from worker.jobs import PERIODIC
from worker.lifespan import LOOPS as ALL_LOOPS
from worker.room_ticker import SLOW_TICK_S, TICK_S, next_tick_s, rests

OFF = Settings(rate_limits=False)


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, OFF)


@asynccontextmanager
async def controllers(stores: Stores, count: int = 1) -> AsyncIterator[asyncio.Event]:
    """Run this many workers' controllers until the block ends."""
    stopping = asyncio.Event()
    contexts = [WorkerContext(OFF, stores, f"worker-{n}", stopping) for n in range(count)]
    tasks = [asyncio.ensure_future(job(ctx)) for ctx in contexts for job in LOOPS]
    try:
        yield stopping
    finally:
        stopping.set()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)


async def join_visitors(queues: Queues, count: int) -> list[Place]:
    answers = await asyncio.gather(*(join(queues, ROOM, Joiner(a_visitor())) for _ in range(count)))
    return [found for found, _ in answers]


async def until(queues: Queues, what: str, condition: Callable[[RoomStatus], bool]) -> RoomStatus:
    """The first status for which the condition holds."""

    async def holds() -> RoomStatus | None:
        now = (await status(queues, ROOM))[1]
        return now if condition(now) else None

    found = await wait_until(holds, what)
    assert found is not None
    return found


async def test_the_line_moves_by_itself_and_is_recorded(queues: Queues) -> None:
    await a_stored_room(queues.stores, admission_rate_per_minute=6_000, burst=100)
    async with controllers(queues.stores):
        await control.set_state(queues, ROOM, "open", by=STAFF)
        await join_visitors(queues, 300)
        now = await until(queues, "everybody is called", lambda now: now.serving_position == 300)
        assert now.called == 300

        async def recorded() -> bool:
            return (await queues.loaded_rooms.read(ROOM)).serving_position == 300

        await wait_until(recorded, "the serving position in Postgres")
    progress = await rooms.select_progress(queues.stores.postgres, ROOM)
    assert [it.serving_position for it in progress] == sorted(it.serving_position for it in progress)


async def test_calls_of_one_lane_alone_are_recorded(queues: Queues) -> None:
    lanes = [Lane(name="Members", share=20)]
    await a_stored_room(queues.stores, admission_rate_per_minute=0, lanes=lanes)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    async with controllers(queues.stores):
        await in_lane(queues, 1, 3)

        async def recorded(*expected: object) -> bool:
            lanes = await queues.stores.postgres.fetchval("SELECT lane_serving FROM rooms")
            calls = await rooms.select_progress(queues.stores.postgres, ROOM)
            return bool(calls) and (calls[-1].last_number, lanes) == expected

        await wait_until(partial(recorded, 3, [0]), "the numbers in Postgres")
        await control.configure(queues, ROOM, {"admission_rate_per_minute": 6_000}, by=STAFF)
        await wait_until(partial(recorded, 3, [3]), "the serving position of the lane in Postgres")


async def test_four_workers_admit_no_more_than_one_would(queues: Queues) -> None:
    await a_stored_room(queues.stores, admission_rate_per_minute=12_000, active_visitors_max=None)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    opened = (await status(queues, ROOM))[1]
    await join_visitors(queues, 2_000)
    async with controllers(queues.stores, 4):
        now = await until(queues, "some seconds of calls", lambda now: now.serving_position > 700)
    allowed = 200 + (now.now_ms - opened.now_ms) * 12_000 // 60_000
    assert now.serving_position <= allowed
    assert now.serving_position == now.called


async def test_a_room_is_ticked_as_often_as_time_brings_something(queues: Queues) -> None:
    await a_stored_room(
        queues.stores, admission_rate_per_minute=0, closes_at=datetime.now(UTC) + timedelta(hours=1)
    )
    await control.set_state(queues, ROOM, "open", by=STAFF)
    async with controllers(queues.stores):  # this loads the room
        await until(queues, "the opening", lambda now: now.state == "open")
    empty = await admission.admit(queues.stores.redis, KEYS, limit=10)
    assert rests(empty)
    assert next_tick_s(empty, moved=False) == SLOW_TICK_S
    assert next_tick_s(empty._replace(due_in_ms=None), moved=False) == SLOW_TICK_S
    assert next_tick_s(empty._replace(due_in_ms=600), moved=False) == 0.6
    assert next_tick_s(empty._replace(restoring=True), moved=False) == TICK_S
    await join_visitors(queues, 1)
    waits = await admission.admit(queues.stores.redis, KEYS, limit=10)
    assert not rests(waits)
    assert waits.call_in_ms is None  # with a rate of zero, waiting alone gets nobody called
    assert next_tick_s(waits, moved=True) == TICK_S
    assert next_tick_s(waits, moved=False) == SLOW_TICK_S


async def test_the_next_of_a_slow_line_is_called_when_the_rate_lets_them_in(queues: Queues) -> None:
    await a_stored_room(queues.stores, admission_rate_per_minute=100, burst=1)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await join_visitors(queues, 5)
    tick = await admission.admit(queues.stores.redis, KEYS, limit=10)
    assert tick.call_in_ms is not None
    assert 0 < tick.call_in_ms <= 600
    assert next_tick_s(tick, moved=False) == max(TICK_S, tick.call_in_ms / 1000)
    full = tick._replace(
        call_in_ms=0
    )  # the rate would allow calls, but something that may end any time holds them back
    assert next_tick_s(full, moved=False) == TICK_S


async def test_the_schedule_acts_within_a_second(queues: Queues) -> None:
    begins = datetime.now(UTC) + timedelta(seconds=1)
    opens = begins + timedelta(seconds=1)
    await a_stored_room(queues.stores, prequeue_at=begins, opens_at=opens, admission_rate_per_minute=600)
    async with controllers(queues.stores):
        in_prequeue = await until(queues, "the pre-queue", lambda now: now.state == "prequeue")
        (ann,) = await join_visitors(queues, 1)
        assert ann.state == "prequeue"
        open_now = await until(queues, "the opening", lambda now: now.state == "open" and now.called == 1)
    assert in_prequeue.now_ms - begins.timestamp() * 1000 < 1_500
    assert open_now.now_ms - opens.timestamp() * 1000 < 1_500


async def test_a_lottery_is_drawn_and_called_without_anybody_asking(queues: Queues) -> None:
    await a_stored_room(queues.stores, queueing_method="lottery", admission_rate_per_minute=60_000)
    async with controllers(queues.stores, 2):
        await control.configure(queues, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
        await until(queues, "the pre-queue", lambda now: now.state == "prequeue")
        await join_visitors(queues, 900)
        await control.set_state(queues, ROOM, "open", by=STAFF)
        now = await until(
            queues, "everybody is called", lambda now: now.serving_position == 900 and now.called == 900
        )
    assert now.last_number == 900
    numbers = await queues.stores.postgres.fetch("SELECT queue_number FROM drawn_places ORDER BY 1")
    assert [row["queue_number"] for row in numbers] == list(range(1, 901))


async def test_numbers_are_reserved_before_they_run_out(queues: Queues) -> None:
    await a_stored_room(queues.stores)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await control.set_state(queues, ROOM, "pause", by=STAFF)
    await join_visitors(queues, 900)
    async with controllers(queues.stores):

        async def reserved() -> bool:
            return (await queues.loaded_rooms.read(ROOM)).numbers_reserved >= 1_500

        await wait_until(reserved, "another block of numbers")


async def test_a_change_that_redis_missed_arrives(queues: Queues) -> None:
    await a_stored_room(queues.stores)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await queues.stores.postgres.execute("UPDATE rooms SET state = 'paused', version = version + 1")
    async with controllers(queues.stores):
        await until(queues, "the pause", lambda now: now.state == "paused")


async def test_a_wiped_redis_is_noticed_and_restored_without_visitors(queues: Queues) -> None:
    await a_stored_room(queues.stores, restore_window_s=1, admission_rate_per_minute=60)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    (ann,) = await join_visitors(queues, 1)
    await claim(queues, ROOM, token(ann.visitor_id, 1))
    client: Client = queues.stores.redis
    async with controllers(queues.stores, 2):
        await client.flushall()

        async def restored() -> bool:
            return str(await client.hget(KEYS.conf, "restoring")) == "0"

        await wait_until(restored, "the restore")
        assert (await place(queues, ROOM, token(ann.visitor_id, 1)))[0].state == "active"
        assert (await status(queues, ROOM))[1].epoch == 2


async def test_a_worker_tells_that_it_lives_until_it_stops(queues: Queues) -> None:
    client: Client = queues.stores.redis
    async with controllers(queues.stores, 2):

        async def alive() -> bool:
            return bool(await client.zcard(WORKERS) == 2)

        await wait_until(alive, "two heartbeats")
    assert await client.zcard(WORKERS) == 0


async def test_while_postgres_is_away_nobody_is_called(stores: Stores, database_url: str) -> None:
    queues = open_queues(stores, OFF)
    await a_stored_room(stores, admission_rate_per_minute=6_000)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await control.set_state(queues, ROOM, "pause", by=STAFF)
    await join_visitors(queues, 5_000)
    address = urlsplit(database_url)
    async with a_wire(address.hostname or "", address.port or 0) as wire:
        local = f"{address.username}:{address.password}@127.0.0.1:{wire.port}"
        pool = await connect_postgres(f"postgresql://{local}{address.path}", timeout_s=1, connections_max=4)
        async with controllers(Stores(stores.redis, pool)):
            await control.set_state(queues, ROOM, "resume", by=STAFF)
            await until(queues, "calls", lambda now: now.called > 50)
            await wire.cut()
            stood = await _standstill(queues)
            await wire.restore()
            await until(queues, "calls again", lambda now: now.serving_position > stood)
        pool.terminate()


async def _standstill(queues: Queues) -> int:
    """The queue's status once it has not moved for more than a second."""
    seen: list[tuple[int, int]] = []

    async def stands() -> int | None:
        now = (await status(queues, ROOM))[1]
        seen.append((now.now_ms, now.serving_position))
        since = [at for at, serving in seen if serving == now.serving_position]
        return now.serving_position if since[-1] - since[0] > 1_200 else None

    found = await wait_until(stands, "the queue to stall")
    assert found is not None
    return found


def test_every_loop_and_job_has_a_name_of_its_own() -> None:
    names = [it.__name__ for it in (*ALL_LOOPS, *(job.work for job in PERIODIC))]
    assert len(names) == len(set(names))


@pytest.mark.chaos
async def test_two_worker_processes_one_killed_the_line_moves_on_and_the_other_stops_at_once(
    queues: Queues, servers: Servers, database_url: str
) -> None:
    await a_stored_room(queues.stores, admission_rate_per_minute=600)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await join_visitors(queues, 500)
    start = "from app.settings import Settings; from worker import main; main.run(Settings(), None)"
    environment = os.environ | {"REDIS_URL": servers.redis_url, "DATABASE_URL": database_url}
    workers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", start, env=environment) for _ in range(2)
    ]
    try:
        await until(queues, "calls", lambda now: now.serving_position > 20)
        workers[0].kill()
        before = (await status(queues, ROOM))[1]
        after = await until(
            queues, "calls go on", lambda now: now.serving_position > before.serving_position + 10
        )
        assert after.now_ms - before.now_ms < 5_000
        assert after.serving_position - before.serving_position <= 10 + (after.now_ms - before.now_ms) / 100
        workers[1].send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(workers[1].wait(), PATIENCE_S) == 0
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()
