"""Reads the facts for the alert rules (`core/monitoring/alert_facts.py`). What cannot be read is None."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from app.core.clock import now_ms
from app.core.model import EventId, TicketType
from app.core.monitoring.alert_facts import Facts, Reading, RoomFacts, Workers, trend, with_reading
from app.core.monitoring.pulse import Pulse
from app.core.waiting_room.stalls import still_since_ms
from app.loops import AWAY, failed
from app.monitoring import counts, stats
from app.monitoring.exposition import Drift
from app.monitoring.health import Unreachable, within_deadline
from app.monitoring.history import Latency
from app.monitoring.stats import WORKER_SEEN_MS, RoomFigures
from app.settings import Settings
from app.store.connections import RedisClient
from app.store.keys import WORKERS
from app.store.redis import heartbeats, servers
from app.store.sql import set_aside
from app.store.sql.accounts import signing_keys
from app.store.sql.catalogue import events
from app.store.sql.notifications import mails, outbox, webhooks
from app.waiting_room.queue import Queues

ROOMS_MAX = 200  # the most recently busy ones
SLOWLY_S = 10.0  # interval for reads that take longer or change slowly
STANDS_MS = 10_000  # shorter stalls are ignored
ERRORS_OVER_S = 300.0
DAY_S = 86_400

T = TypeVar("T")


class Slow(NamedTuple):
    """Facts that are read less often."""

    set_aside: int | None = None
    webhooks_pending: int | None = None
    mails_pending: int | None = None
    gateway_open: bool | None = None
    key_ages_days: Mapping[str, int] | None = None
    disks_free: Mapping[str, int] | None = None
    memory_used: Mapping[str, int] | None = None
    errors_percent: float | None = None
    calls: int = 0


class Reader:
    """One per worker; it remembers the readings that trends are computed from."""

    def __init__(self, queues: Queues, settings: Settings) -> None:
        self._queues = queues
        self._data = Path(settings.data)
        self._pulse, self._latency, self._drift = Pulse(), Latency(), Drift()
        self._readings: dict[str, tuple[Reading, ...]] = {}
        self._drifts: dict[str, int] = {}
        self._answered: deque[tuple[float, int, int]] = deque()  # time, calls, failed calls
        self._slow, self._slow_at = Slow(), -SLOWLY_S

    async def read(self) -> Facts:
        """The current facts."""
        redis, postgres = self._queues.stores.redis, self._queues.stores.postgres
        at_ms = now_ms()
        away = await within_deadline(servers.write_redis(redis))
        figures = await _or_unknown("rooms", stats.rooms(self._queues, ROOMS_MAX))
        if time.monotonic() - self._slow_at >= SLOWLY_S:
            self._slow_at = time.monotonic()
            self._slow = await self._read_slowly(figures or [])
        return Facts(
            now_ms=at_ms,
            workers=await self._workers(redis, at_ms),
            rooms=None if figures is None else self._rooms(figures),
            stores_away={"Redis": away.why} if isinstance(away, Unreachable) else {},
            breaking=await _or_unknown("loops", _breaking(redis)),
            outbox_lag_s=await _or_unknown("outbox", outbox.lag_s(postgres)),
            reserve_p99_ms=await _or_unknown("reserve", self._latency.read(redis)),
            **self._slow._asdict(),
        )

    async def _workers(self, redis: RedisClient, at_ms: int) -> Workers | None:
        beats = await _or_unknown("workers", heartbeats.beats(redis, WORKERS))
        return None if beats is None else self._pulse.observe(beats, time.monotonic(), at_ms)

    def _rooms(self, figures: list[RoomFigures]) -> tuple[RoomFacts, ...]:
        self._readings = {
            it.room.room_id: with_reading(self._readings.get(it.room.room_id, ()), _reading(it))
            for it in figures
        }
        return tuple(self._room(it) for it in figures)

    def _room(self, figures: RoomFigures) -> RoomFacts:
        room, status = figures.room, figures.status
        rate = room.settings.admission_rate_per_minute
        return RoomFacts(
            room_id=room.room_id,
            name=room.settings.name,
            now_ms=status.now_ms,
            state=status.state,
            waiting=status.waiting,
            rate_per_minute=rate,
            full=_is_full(figures),
            still_since_ms=still_since_ms(status, rate, STANDS_MS),
            backlog=figures.backlog,
            drift=self._drifts.get(room.event_id) if room.event_id else 0,
            **trend(self._readings[room.room_id])._asdict(),
        )

    async def _read_slowly(self, figures: list[RoomFigures]) -> Slow:
        redis, postgres = self._queues.stores.redis, self._queues.stores.postgres
        ids = [it.room.event_id for it in figures if it.room.event_id]
        types = await _or_unknown("tickets", events.select_types_of_events(postgres, ids))
        self._note_drift(figures, types or {})
        aside = await _or_unknown("set_aside", set_aside.count(postgres))
        ages = await _or_unknown("keys", signing_keys.ages_s(postgres))
        nodes = await _or_unknown("memory", servers.redis_nodes(redis))
        errors, calls = await self._errors(redis)
        return Slow(
            set_aside=None if aside is None else sum(aside.values()),
            webhooks_pending=await _or_unknown("webhooks", webhooks.pending(postgres)),
            mails_pending=await _or_unknown("mails", mails.pending(postgres)),
            gateway_open=await _or_unknown("gateway", counts.is_gateway_open(redis)),
            key_ages_days=None if ages is None else {it: int(age_s) // DAY_S for it, age_s in ages.items()},
            disks_free=_disks(self._data),
            memory_used=None
            if nodes is None
            else {it.name or it.server: 100 * it.memory // it.memory_max for it in nodes if it.memory_max},
            errors_percent=errors,
            calls=calls,
        )

    def _note_drift(self, figures: list[RoomFigures], types: Mapping[EventId, list[TicketType]]) -> None:
        self._drifts = {
            it.room.event_id: self._drift.of(it.room.event_id, it.stock, types[it.room.event_id])
            for it in figures
            if it.room.event_id and it.room.event_id in types
        }
        self._drift.forget_others(self._drifts)

    async def _errors(self, redis: RedisClient) -> tuple[float | None, int]:
        """The percentage of calls that failed in the last five minutes, and the number of calls."""
        answered = await _or_unknown("calls", counts.answered(redis))
        if answered is None:
            return None, 0
        now = time.monotonic()
        if self._answered and answered[0] < self._answered[-1][1]:
            self._answered.clear()  # Redis was lost
        self._answered.append((now, *answered))
        while len(self._answered) > 1 and self._answered[1][0] <= now - ERRORS_OVER_S:
            self._answered.popleft()
        calls, wrong = (last - first for last, first in zip(answered, self._answered[0][1:], strict=True))
        return (100 * wrong / calls if calls else 0.0), calls


async def _or_unknown(part: str, reading: Awaitable[T]) -> T | None:
    """Return the result, or None if reading fails, so that the other parts stay known."""
    try:
        return await reading
    except AWAY:
        return None
    except Exception as error:  # whatever the cause, it affects only this part
        failed("watch_alerts", part, error)
        return None


async def _breaking(redis: RedisClient) -> tuple[str, ...]:
    names = await heartbeats.breaking(redis, WORKERS, now_ms() - WORKER_SEEN_MS)
    return tuple(names.split(", ")) if names else ()


def _reading(figures: RoomFigures) -> Reading:
    rate = figures.room.settings.admission_rate_per_minute
    return Reading(
        figures.status.now_ms, figures.counted.admitted, figures.counted.no_shows, rate, _is_full(figures)
    )


def _is_full(figures: RoomFigures) -> bool:
    """Like the rule `fairgate:full` of `deploy/prometheus/alerts.yaml`."""
    inside, cap = figures.status.called + figures.status.active, figures.room.settings.active_visitors_max
    free = figures.status.available
    return (cap is not None and inside >= cap) or (free is not None and inside >= free)


def _disks(data: Path) -> dict[str, int]:
    """The disk of the data folder, if it is on this machine; other disks must be monitored elsewhere."""
    try:
        disk = shutil.disk_usage(data)
    except OSError:
        return {}
    return {str(data): int(100 * disk.free / disk.total)} if disk.total else {}
