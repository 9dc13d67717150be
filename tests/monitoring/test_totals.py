"""What all processes counted, as figures for staff and for the cockpit."""

from __future__ import annotations

from app import metrics
from app.core.clock import now_ms
from app.monitoring import counts
from app.store.connections import Stores
from app.store.redis.counts import KEYS, note_beginning


async def test_figures_grow_by_what_was_counted(stores: Stores) -> None:
    before, slow = await counts.installation(stores.redis), await counts.durations(stores.redis, "reserve")
    metrics.count_refusal("conflict")
    metrics.count_reservations("sold_out", 3)
    for seconds in (0.002, 0.2, 0.2, 60.0):
        metrics.count_answer("reserve", 201, seconds)
    for _ in range(2):  # publishing again adds nothing
        await counts.publish(stores.redis, "web-1")
    found = await counts.installation(stores.redis)
    assert found.requests - before.requests == 4
    assert found.refusals["conflict"] - before.refusals.get("conflict", 0) == 1
    assert found.reservations["sold_out"] - before.reservations.get("sold_out", 0) == 3
    now = await counts.durations(stores.redis, "reserve")
    grown = [it - was for it, was in zip(now, slow, strict=True)]
    assert dict(zip(metrics.BOUNDS, grown, strict=True)) == dict.fromkeys(metrics.BOUNDS, 0) | {
        "0.0025": 1,
        "0.25": 2,
        "+Inf": 1,
    }


async def test_a_lost_redis_begins_anew(stores: Stores) -> None:
    await counts.installation(stores.redis)  # whatever earlier tests have counted
    before_ms = now_ms()
    for at_ms in (before_ms, before_ms + 5_000):
        await note_beginning(stores.redis, at_ms)
    assert (await counts.installation(stores.redis)).since_ms == before_ms
    await stores.redis.delete("fairgate:totals", KEYS.counts, KEYS.counted)
    metrics.count_refusal("conflict")
    found = await counts.installation(stores.redis)
    assert (found.since_ms, found.refusals["conflict"]) == (0, 1)
