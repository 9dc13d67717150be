"""Every count reaches the sums of all processes exactly once."""

from __future__ import annotations

import json

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from redis.asyncio import Redis

from app.monitoring.counts import Counts
from app.store.connections import REDIS_AWAY, Stores
from app.store.redis import counts


async def test_each_process_adds_what_it_counted_once_and_leaves_it_when_it_ends(stores: Stores) -> None:
    ended = 0.0
    for _ in range(3):  # processes, one after the other
        registry = CollectorRegistry()
        counter = Counter("fairgate_made", "", ["kind"], registry=registry)
        took = Histogram("fairgate_took", "", buckets=(1, 2), registry=registry)
        ours = Counts(registry)
        for amount in (1, 0, 2.5):
            counter.labels("x").inc(amount)
            took.observe(1.5)
            await ours.publish(stores.redis)
        ended += 3.5
        sums = {json.loads(field)[2]: value for field, value in (await counts.sums(stores.redis)).items()}
        assert sums["fairgate_made_total"] == ended
    values = sorted(value for field, value in (await counts.sums(stores.redis)).items() if "took" in field)
    assert values == [9.0, 9.0, 9.0, 13.5]  # two buckets, the count, the sum


async def test_what_was_counted_after_a_failure_is_in_the_next_sums(stores: Stores) -> None:
    registry = CollectorRegistry()
    counter = Counter("fairgate_late", "", registry=registry)
    ours = Counts(registry)
    counter.inc()
    away: Redis = Redis.from_url("redis://127.0.0.1:1")
    with pytest.raises(REDIS_AWAY):
        await ours.publish(away)
    await away.aclose()
    counter.inc()
    await ours.publish(stores.redis)
    sums = {json.loads(field)[2]: value for field, value in (await counts.sums(stores.redis)).items()}
    assert sums["fairgate_late_total"] == 2
