"""The alerts as every page of the console shows them: one board per web process.

A worker evaluates the rules. Without a worker nobody does, and without Postgres nothing is stored: so each
web process also checks the workers' heartbeats and the stores itself, twice a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from app.core.clock import now_ms, to_ms
from app.core.errors import StoreUnavailable
from app.core.monitoring.alert_facts import Workers
from app.core.monitoring.alert_rules import BY_NAME, Severity
from app.core.monitoring.alerts import Firing, Key, Settings
from app.core.monitoring.pulse import LOOK_S, Pulse
from app.monitoring import alerts
from app.monitoring.health import Unreachable, within_deadline
from app.monitoring.sales_board import SalesBoard
from app.store.keys import WORKERS
from app.store.redis import heartbeats
from app.store.sql.monitoring import alerts as stored
from app.store.sql.monitoring.alerts import Alert
from app.waiting_room.queue import Queues

READ_EVERY_S = 1.0  # Postgres, while the console is in use
LOOKED_AT_S = 60.0  # the console counts as in use for this long after a page view; open streams renew it
AWAY_S = 3.0  # shorter outages of a store are not shown
REDIS, POSTGRES = "Redis", "PostgreSQL"


class AlertLine(msgspec.Struct, frozen=True):
    """An alert as pages show it. `alert_id` 0: it is not stored yet, so it cannot be acknowledged."""

    alert_id: int
    rule: str
    severity: Severity
    text: str
    room_id: str
    room_name: str
    since_ms: int
    runbook: str
    acknowledged_by: str = ""  # "": nobody yet

    @property
    def name(self) -> str:
        """An identifier that stays the same when the alert gets stored."""
        return f"{self.rule}/{self.room_id}/{self.since_ms // 60_000}"


class AlertBoard:
    """One per process; `run` must run to update it."""

    def __init__(self, queues: Queues, closing: asyncio.Event) -> None:
        self.sales = SalesBoard(queues, self.turn, closing)  # shown beside the alerts, on the same streams
        self._stores = queues.stores
        self._closing = closing
        self._pulse = Pulse()
        self._workers: Workers | None = None
        self._away_since: dict[str, tuple[float, str]] = {}  # by store: since when, and why
        self._since: dict[Key, int] = {}  # since when this process has observed each fault (ms)
        self._opened: list[Alert] = []
        self._settings: Settings = {}
        self._read_at = self._looked_at = -LOOKED_AT_S
        self._reading = asyncio.Lock()
        self._lines: tuple[AlertLine, ...] = ()
        self._turned = asyncio.Event()  # set, and replaced, at each update

    async def current(self) -> tuple[AlertLine, ...]:
        """Return the current alerts, most severe first."""
        self._looked_at = time.monotonic()
        await self._read()
        self._show()
        return self._lines

    async def outdated(self) -> None:
        """Reread the alerts after a change made in this process."""
        self._read_at = -READ_EVERY_S
        await self.current()

    async def watch(self) -> AsyncIterator[tuple[AlertLine, ...]]:
        """The alerts, at once and whenever they or the figures beside them change."""
        turned = self._turned
        yield await self.current()
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(turned.wait(), LOOKED_AT_S / 4)
            self._looked_at = time.monotonic()
            if turned.is_set():
                turned = self._turned
                yield self._lines

    def turn(self) -> None:
        """Notify watchers of a change in what is shown above the pages."""
        self._turned, turned = asyncio.Event(), self._turned
        turned.set()

    async def run(self) -> None:
        """Check workers and stores until the process is asked to stop."""
        while not self._closing.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._closing.wait()
            await self._refresh()

    async def _refresh(self) -> None:
        beats = await within_deadline(heartbeats.beats(self._stores.redis, WORKERS))
        if isinstance(beats, Unreachable):
            self._workers = None
            self._note(REDIS, beats.why)
        else:
            self._workers = self._pulse.observe(beats, time.monotonic(), now_ms())
            self._note(REDIS, "")
        if time.monotonic() - self._looked_at < LOOKED_AT_S:
            await self._read()
            await self._store_new()
        self._show()

    async def _read(self) -> None:
        """Read the stored alerts, unless they were read a moment ago. If that fails, the previous ones
        stay."""
        async with self._reading:
            if time.monotonic() - self._read_at < READ_EVERY_S:
                return
            postgres = self._stores.postgres
            open_alerts = await within_deadline(stored.select_open(postgres))
            self._note(POSTGRES, open_alerts.why if isinstance(open_alerts, Unreachable) else "")
            if not isinstance(open_alerts, Unreachable):
                self._opened = open_alerts
                settings = await within_deadline(stored.select_settings(postgres))
                self._settings = self._settings if isinstance(settings, Unreachable) else settings
            self._read_at = time.monotonic()

    async def _store_new(self) -> None:
        """Store new alerts while there is no worker; otherwise that is its job."""
        open_keys = {it.key for it in self._opened}
        new = [it for it in self._local_faults() if it.key.rule == "no_worker" and it.key not in open_keys]
        if new:
            with suppress(StoreUnavailable):
                await alerts.start(self._stores, new)
                self._read_at = -READ_EVERY_S

    def _note(self, store: str, why: str) -> None:
        if why:
            self._away_since.setdefault(store, (time.monotonic(), why))
        else:
            self._away_since.pop(store, None)

    def _local_faults(self) -> list[Firing]:
        now = time.monotonic()
        away = {store: why for store, (at, why) in self._away_since.items() if now - at >= AWAY_S}
        firings = alerts.local_faults(self._workers, away, self._settings, now_ms())
        self._since = {it.key: self._since.get(it.key, it.since_ms) for it in firings}
        return [it._replace(since_ms=self._since[it.key]) for it in firings]

    def _show(self) -> None:
        local = {it.key: it for it in self._local_faults()}
        over = self._workers is not None and self._workers.alive > 0  # a worker has yet to store that
        stored_alerts = [it for it in self._opened if not (over and it.rule == "no_worker")]
        stored_keys = {it.key for it in stored_alerts}
        fresh = [_of_firing(it) for key, it in local.items() if key not in stored_keys]
        lines = tuple(sorted((*fresh, *map(_of_alert, stored_alerts)), key=lambda it: it.severity))
        if lines != self._lines:
            self._lines = lines
            self.turn()


def _of_alert(alert: Alert) -> AlertLine:
    by = (alert.acknowledged_name or alert.acknowledged_by or "") if alert.acknowledged_at else ""
    rule, since_ms = BY_NAME.get(alert.rule), to_ms(alert.since)
    runbook = rule.runbook if rule else ""
    about = alert.text, alert.room_id or "", alert.room_name, since_ms, runbook, by
    return AlertLine(alert.alert_id, alert.rule, alert.severity, *about)


def _of_firing(firing: Firing) -> AlertLine:
    about = firing.text, firing.key.room_id, "", firing.since_ms, BY_NAME[firing.key.rule].runbook
    return AlertLine(0, firing.key.rule, firing.severity, *about)
