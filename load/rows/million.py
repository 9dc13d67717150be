"""One million in one queue: their memory in Valkey, and the cost of joins, places and ticks then."""

from __future__ import annotations

import time
from typing import Any

from app.core.model import RoomId, VisitorId
from app.store.keys import RoomKeys
from app.store.scripts import admission
from load.measure import crowd, prepared
from load.measure.figures import Figure, Row, Trial, percentile
from load.measure.trials import Run, measure
from load.servers.product import Product

CALLED_A_TICK = 1_000
ASKED_MAX = 20_000  # visitors, spread over the queue, who request their place
RATE_MAX = 60_000_000  # per minute: the bucket never limits a tick


async def million(run: Run) -> Row:
    """A room with one million waiting, against an empty one: memory, joins, places, ticks of 1,000 calls."""
    count = run.size.waiting
    async with run.product() as product:
        empty = await crowd.open_room(product, "empty", admission_rate_per_minute=0)
        crowded = await crowd.open_room(product, "crowded", admission_rate_per_minute=0)
        before = await _memory(product)
        visitors = await prepared.fill(product, crowded, count)
        bytes_each = (await _memory(product) - before) / count
        joined = await _joins(run, product, {"empty": empty, "crowded": crowded})
        answered = await _places(run, product, crowded, visitors)
        ticks_ms, cpu_ms = await _ticks(run, product, crowded)
    slower = [few.per_s / many.per_s for few, many in zip(*joined, strict=True)]
    place_slower = [few.per_s / many.per_s for few, many in zip(*answered, strict=True)]
    return Row(
        name="million",
        figures=[
            Figure.of("Valkey, MB for a million", [bytes_each], at_most=110),  # bytes each are MB per million
            Figure.of("joins, slower by", slower, at_most=1.5),
            Figure.of("places, slower by", place_slower, at_most=1.5),
            Figure.of("joins a second, empty", [it.per_s for it in joined[0]]),
            Figure.of("joins a second, crowded", [it.per_s for it in joined[1]]),
            Figure.of("places a second, empty", [it.per_s for it in answered[0]]),
            Figure.of("places a second, crowded", [it.per_s for it in answered[1]]),
            Figure.of("Valkey, us a join, empty", [it.cpu_us["valkey"] for it in joined[0]]),
            Figure.of("Valkey, us a join, crowded", [it.cpu_us["valkey"] for it in joined[1]]),
            Figure.of("Valkey, us a place, empty", [it.cpu_us["valkey"] for it in answered[0]]),
            Figure.of("Valkey, us a place, crowded", [it.cpu_us["valkey"] for it in answered[1]]),
            Figure.of("tick of 1,000, ms", ticks_ms, at_most=5),
            Figure.of("tick of 1,000, p99 ms", [percentile(ticks_ms, 99)]),
            Figure.of("tick of 1,000, Valkey's CPU, ms", [cpu_ms]),
        ],
        note=f"{count:,} waiting; figures are as seen by the caller, with nobody called meanwhile",
    )


async def _memory(product: Product) -> int:
    client: Any = product.stores.redis  # redis-py types these for its sync and async clients at once
    used: int = (await client.info("memory"))["used_memory"]
    return used


async def _joins(run: Run, product: Product, rooms: dict[str, RoomId]) -> tuple[list[Trial], list[Trial]]:
    """Joins into the room that began empty and into the crowded one, in turn."""
    trials: dict[str, list[Trial]] = {"empty": [], "crowded": []}
    for _ in range(run.size.trials):
        for name, room_id in rooms.items():
            trials[name].append((await measure(product, crowd.joins(room_id), run.options, 201))[0])
    return trials["empty"], trials["crowded"]


async def _places(
    run: Run, product: Product, crowded: RoomId, visitors: list[VisitorId]
) -> tuple[list[Trial], list[Trial]]:
    """Places in a queue of only those who ask, and in the crowded one, in turn."""
    many = visitors[:: max(1, len(visitors) // min(ASKED_MAX, run.size.places))]
    short = await crowd.open_room(product, "short", admission_rate_per_minute=0)
    few = await prepared.fill(product, short, len(many))
    asks = [
        crowd.places(room_id, await prepared.place_tokens(product, room_id, who))
        for room_id, who in ((short, few), (crowded, many))
    ]
    trials: list[tuple[Trial, ...]] = []
    for _ in range(run.size.trials):
        trials.append(tuple([(await measure(product, it, run.options, 200))[0] for it in asks]))
    return [pair[0] for pair in trials], [pair[1] for pair in trials]


async def _ticks(run: Run, product: Product, room_id: RoomId) -> tuple[list[float], float]:
    """Times of ticks of 1,000 calls in ms, and Valkey's CPU for one; ours alone, as the worker is stopped."""
    redis, keys, took_ms = product.stores.redis, RoomKeys(room_id), []
    with product.frozen("worker"):
        await product.call("PATCH", f"/v1/rooms/{room_id}", _let_in())
        cpu_s = product.cpu_s()["valkey"]
        for _ in range(min(run.size.ticks, run.size.waiting // CALLED_A_TICK)):
            begun = time.perf_counter()
            tick = await admission.admit(redis, keys, limit=CALLED_A_TICK)
            took_ms.append(1000 * (time.perf_counter() - begun))
            assert tick.calls == CALLED_A_TICK, tick
        cpu_s = product.cpu_s()["valkey"] - cpu_s
    return took_ms, 1000 * cpu_s / len(took_ms)


def _let_in() -> dict[str, object]:
    return {
        "admission_rate_per_minute": RATE_MAX,
        "active_visitors_max": None,
        "claim_window_s": crowd.LONG_S,
    }
