"""Many rooms: their cost to a worker that has little to do, and how soon each of them acts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import httpx
import msgspec

from app.core.model import RoomId, RoomSettings
from app.restoring.room import rebuild_room
from load.measure.figures import Figure, Row
from load.measure.trials import Run
from load.servers.product import NotStarted, Product

LOADS = 3  # at once
IN_QUEUE = 10  # visitors in the queue of each busy room
SETTLES_S = 12.0  # longer than a worker keeps ticking a room that nobody uses
READS = 20  # how often each list is read
CLAIM_EVERY_S, CLAIMS_MAX = 0.01, 500
SETTINGS = RoomSettings(name="One of many", admission_rate_per_minute=600)
CLOSED = """
    INSERT INTO rooms (room_id, settings, state, seed, opened_at, closed_at, unloaded_at)
    SELECT 'past-' || n, $2::jsonb, 'closed', $3,
           now() - interval '3 hours', now() - interval '2 hours', now()
    FROM generate_series(1, $1) AS n
"""
OPEN = """
    INSERT INTO rooms (room_id, settings, state, seed, opened_at)
    SELECT name, $2::jsonb, 'open', $3, now() FROM unnest($1::text[]) AS name
"""


async def rooms(run: Run) -> Row:
    """Thousands of rooms ever created, hundreds open and empty, some busy; then first calls in empty ones."""
    size = run.size
    empty = [RoomId(f"empty-{n}") for n in range(size.rooms_open)]
    busy = [RoomId(f"busy-{n}") for n in range(size.rooms_busy)]
    async with run.product() as product:
        await _make(product, size.rooms_made - len(empty) - len(busy), [*empty, *busy])
        for room_id in busy:
            await product.call("PATCH", f"/v1/rooms/{room_id}", {"admission_rate_per_minute": 0})
            for _ in range(IN_QUEUE):
                await product.post(f"/v1/rooms/{room_id}/places")
        await asyncio.sleep(SETTLES_S)
        percent = [await _worker_percent(product, size.seconds) for _ in range(size.trials)]
        calls_ms = [await _first_call_ms(product, it) for it in empty[:: max(1, len(empty) // size.ticks)]]
        metrics_ms = [await _read_ms(product, product.metrics_url) for _ in range(READS)]
        list_ms = [await _read_ms(product, "/v1/rooms?per_page=200") for _ in range(READS)]
    return Row(
        name="rooms",
        figures=[
            Figure.of("worker with little to do, % of a core", percent, at_most=3),
            Figure.of("first call in a room at rest, ms", calls_ms),
            Figure.of("the slowest of them, ms", [max(calls_ms)], at_most=1_000),
            Figure.of("/metrics, ms", metrics_ms, at_most=100),
            Figure.of("/v1/rooms, a page of 200, ms", list_ms, at_most=100),
        ],
        note=f"{size.rooms_made:,} rooms ever created, {len(empty):,} of them open and empty, "
        f"{len(busy)} with {IN_QUEUE} in the queue",
    )


async def _make(product: Product, closed: int, open_rooms: Sequence[RoomId]) -> None:
    """Create closed rooms as they are after unloading, and open ones in both stores."""
    postgres, settings = product.stores.postgres, msgspec.json.encode(SETTINGS).decode()
    await postgres.execute(CLOSED, closed, settings, bytes(32))
    await postgres.execute(OPEN, open_rooms, settings, bytes(32))
    left = iter(open_rooms)

    async def load() -> None:
        for room_id in left:
            await rebuild_room(product.stores, room_id)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(LOADS):
            tasks.create_task(load())


async def _worker_percent(product: Product, seconds: int) -> float:
    began, before = time.monotonic(), product.cpu_s()["worker"]
    await asyncio.sleep(seconds)
    return 100 * (product.cpu_s()["worker"] - before) / (time.monotonic() - began)


async def _first_call_ms(product: Product, room_id: RoomId) -> float:
    """The time from the join until the visitor has their booking token."""
    async with httpx.AsyncClient(base_url=product.url, trust_env=False) as visitor:
        began = time.perf_counter()
        joined = await visitor.post(f"/v1/rooms/{room_id}/places")
        joined.raise_for_status()
        token = {"X-Place-Token": joined.json()["place_token"]}
        claim = f"/v1/rooms/{room_id}/places/me/booking-token"
        for _ in range(CLAIMS_MAX):
            claimed = await visitor.post(claim, headers=token)
            if claimed.status_code != 202:
                break
            await asyncio.sleep(CLAIM_EVERY_S)
        if claimed.status_code != 201:
            raise NotStarted(f"a visitor of {room_id} was not called: {claimed.text[:200]}")
        return 1000 * (time.perf_counter() - began)


async def _read_ms(product: Product, path: str) -> float:
    began = time.perf_counter()
    await product.call("GET", path)
    return 1000 * (time.perf_counter() - began)
