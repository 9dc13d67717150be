"""The facts for the alert rules: what cannot be read is unknown, and hides nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry, Counter

from app import metrics
from app.core.monitoring.alert_facts import Facts
from app.monitoring import alert_reading
from app.monitoring.alert_reading import Reader
from app.monitoring.counts import Counts
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis import counts
from app.waiting_room.queue import open_queues

Read = Callable[[], Awaitable[Facts]]


@dataclass
class WebProcess:
    """A process that answers calls and publishes how many."""

    stores: Stores
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self._answered = Counter("fairgate_requests", "", ["call", "status"], registry=self.registry)
        self._counts = Counts(self.registry)

    async def answers(self, well: int, wrong: int) -> None:
        """Answer this many calls with 200, and this many with 503."""
        self._answered.labels("join", "200").inc(well)
        self._answered.labels("join", "503").inc(wrong)
        await self._counts.publish(self.stores.redis)


@pytest.fixture
def read(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read all facts, also those that are read less often."""
    monkeypatch.setattr(alert_reading, "SLOWLY_S", 0.0)
    return Reader(open_queues(stores, Settings()), Settings()).read


async def test_failed_calls_are_counted_from_the_first_reading(stores: Stores, read: Read) -> None:
    web = WebProcess(stores)
    await web.answers(50, 50)
    assert await errors(read) == (0.0, 0)  # nobody knows when these were
    await web.answers(90, 10)
    assert await errors(read) == (10.0, 100)


async def test_failed_calls_of_longer_ago_are_not_counted(
    stores: Stores, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = WebProcess(stores)
    await read()
    await web.answers(50, 50)
    assert await errors(read) == (50.0, 100)
    monkeypatch.setattr(alert_reading, "ERRORS_OVER_S", 1e-6)  # the reading before is longer ago
    await web.answers(8, 2)
    assert await errors(read) == (20.0, 10)


async def test_after_redis_was_lost_failed_calls_are_counted_anew(stores: Stores, read: Read) -> None:
    web = WebProcess(stores)
    await web.answers(50, 50)
    await read()
    await web.answers(90, 10)
    await read()
    await stores.redis.flushall()
    await web.answers(15, 5)
    assert await errors(read) == (0.0, 0)
    await web.answers(6, 4)
    assert await errors(read) == (40.0, 10)


async def test_a_part_that_fails_unforeseen_is_unknown_and_counted_and_the_others_are_read(
    stores: Stores, read: Read
) -> None:
    faults = metrics.LOOP_FAULTS.labels("watch_alerts")
    web = WebProcess(stores)
    await web.answers(50, 50)
    await read()
    before = faults._value.get()
    await stores.redis.rename(counts.KEYS.counts, "aside")
    await stores.redis.set(counts.KEYS.counts, "not a hash", px=60_000)
    facts = await read()
    assert (facts.errors_percent, facts.calls, facts.reserve_p99_ms) == (None, 0, None)
    assert faults._value.get() == before + 2
    assert facts.stores_away == {}
    assert None not in (facts.workers, facts.rooms, facts.breaking, facts.outbox_lag_s)
    assert None not in (facts.set_aside, facts.gateway_open, facts.key_ages_days, facts.memory_used)
    await stores.redis.rename("aside", counts.KEYS.counts)
    await web.answers(0, 7)
    assert await errors(read) == (100.0, 7), "the reading before still counts"


async def errors(read: Read) -> tuple[float | None, int]:
    """The percentage of failed calls, and the number of calls."""
    facts = await read()
    return facts.errors_percent, facts.calls
