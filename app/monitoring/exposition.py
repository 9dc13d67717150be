"""The content of `/metrics`: all processes together, and the current state of each busy room in Redis.

A room has series until a quarter of an hour after its last visitor, and at most a hundred rooms have any: the
number of series depends on the traffic, not on the number of rooms.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from math import inf
from typing import NamedTuple

from prometheus_client import exposition as text
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.samples import Sample

from app.core.clock import now_ms
from app.core.errors import StoreUnavailable
from app.core.model import EventId, TicketType
from app.core.waiting_room import autopilot
from app.loops import failed
from app.monitoring import counts, stats
from app.monitoring.health import SEEN_MS
from app.monitoring.stats import RoomFigures
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.keys import WEBS, WORKERS, RoomKeys
from app.store.redis import heartbeats, origin
from app.store.redis.origin import Origin
from app.store.sql.accounts import signing_keys
from app.store.sql.catalogue import events
from app.store.sql.jobs import jobs
from app.store.sql.notifications import mails, outbox, webhooks
from app.waiting_room.queue import Queues

ROOMS_MAX = 100
# Names that violate Prometheus' conventions, and their replacements. Both are served: names are a contract.
RENAMED = {
    "fairgate_active": "fairgate_active_visitors",
    "fairgate_called": "fairgate_called_visitors",
    "fairgate_gate": "fairgate_gate_requests",
    "fairgate_mail_pending": "fairgate_mails_pending",
    "fairgate_waiting": "fairgate_waiting_visitors",
    "fairgate_webhook_pending": "fairgate_webhook_deliveries_pending",
}
OPENMETRICS = openmetrics.CONTENT_TYPE_LATEST.partition(";")[0]
STATES = ("scheduled", "prequeue", "open", "paused", "sold_out", "closed")

Differences = dict[tuple[str, str], int]


class Drift:
    """The number of tickets that do not add up, by event, compared between scrapes.

    Under traffic the two stores differ by what is in flight; a difference that was also there at the previous
    scrape, in the same direction, is a fault.
    """

    def __init__(self) -> None:
        self._before: dict[str, Differences] = {}

    def of(self, event_id: str, stock: dict[str, int], ticket_types: list[TicketType]) -> int:
        """The tickets missing or in excess as of this scrape."""
        now = _differences(stock, ticket_types)
        before = self._before.get(event_id, {})
        self._before[event_id] = now
        lasting = 0
        for place, amount in now.items():
            last = before.get(place, 0)
            if amount * last > 0:
                lasting += min(abs(amount), abs(last))
        return lasting

    def forget_others(self, event_ids: Collection[str]) -> None:
        """Drop all events but these."""
        self._before = {it: found for it, found in self._before.items() if it in event_ids}


def _differences(stock: dict[str, int], ticket_types: list[TicketType]) -> Differences:
    differences: Differences = {}
    for ticket_type in ticket_types:
        name = ticket_type.ticket_type_id
        free, held, sold, total = (
            stock.get(f"{word}:{name}", 0) for word in ("free", "held", "sold", "total")
        )
        differences[name, "sum"] = total - free - held - sold
        differences[name, "total"] = total - ticket_type.total
        differences[name, "held"] = held - ticket_type.held
        differences[name, "sold"] = sold - ticket_type.sold
    return differences


class Exposition(NamedTuple):
    """The response to a scrape."""

    content_type: str
    body: bytes


class _Families(list[Metric]):
    """A collector for `generate_latest`."""

    def collect(self) -> Iterator[Metric]:
        return iter(self)


async def render(stores: Stores, queues: Queues, drift: Drift, accept: str) -> Exposition:
    """Render the metrics, in OpenMetrics if accepted, else in Prometheus' text format.

    Omits what an unavailable store would provide, and reports that it is unavailable.
    """
    families, up = _Families(), GaugeMetricFamily("fairgate_stores_up", "1 if both stores answered.")
    parts: dict[str, Callable[[], Awaitable[list[Metric]]]] = {
        "counts": lambda: counts.read(stores.redis),
        "processes": lambda: _processes(stores),
        "rooms": lambda: _rooms(stores, queues, drift),
        "notices": lambda: _notices(stores),
    }
    away = False
    for name, read in parts.items():
        try:
            with stores_answer():
                families += await read()
        except StoreUnavailable:
            away = True
        except Exception as error:  # whatever the cause, the other parts are served
            failed("metrics", name, error)
    up.add_metric([], not away)
    families.append(up)
    families += [_under(RENAMED[it.name], it) for it in families if it.name in RENAMED]
    if OPENMETRICS in {it.partition(";")[0].strip().lower() for it in accept.split(",")}:
        return Exposition(openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest(families))  # type: ignore[no-untyped-call]
    return Exposition(text.CONTENT_TYPE_LATEST, text.generate_latest(families))  # only needs collect()


def _under(name: str, old: Metric) -> Metric:
    """The same figures under another name."""
    new = Metric(name, old.documentation, old.type)
    new.samples = [Sample(it.name.replace(old.name, name, 1), *it[1:]) for it in old.samples]
    return new


async def _rooms(stores: Stores, queues: Queues, drift: Drift) -> list[Metric]:
    figures = await stats.rooms(queues, ROOMS_MAX)
    event_ids = [it.room.event_id for it in figures if it.room.event_id]
    types = await events.select_types_of_events(stores.postgres, event_ids)
    shops = await origin.origins_of(stores.redis, [RoomKeys(it.room.room_id) for it in figures])
    return [*_of_rooms(figures), *_of_shops(figures, shops), _conservation(figures, types, drift)]


async def _processes(stores: Stores) -> list[Metric]:
    now, redis = now_ms(), stores.redis
    alive = GaugeMetricFamily("fairgate_processes", "Processes whose heartbeat is recent.", labels=["role"])
    alive.add_metric(["web"], await heartbeats.alive(redis, WEBS, now, SEEN_MS))
    alive.add_metric(["worker"], await heartbeats.alive(redis, WORKERS, now, SEEN_MS))
    return [alive]


async def _notices(stores: Stores) -> list[Metric]:
    lag = GaugeMetricFamily(
        "fairgate_outbox_lag_seconds", "Age of the oldest event not yet sent to other systems."
    )
    lag.add_metric([], await outbox.lag_s(stores.postgres))
    pending = GaugeMetricFamily("fairgate_webhook_pending", "Webhook deliveries still to be made.")
    pending.add_metric([], await webhooks.pending(stores.postgres))
    waiting = GaugeMetricFamily("fairgate_mail_pending", "E-mails still to be sent.")
    waiting.add_metric([], await mails.pending(stores.postgres))
    unfinished = GaugeMetricFamily("fairgate_jobs_unfinished", "Jobs started by staff that have not ended.")
    unfinished.add_metric([], await jobs.unfinished(stores.postgres))
    ages = GaugeMetricFamily(
        "fairgate_signing_key_age_seconds", "Age of the current signing key.", labels=["purpose"]
    )
    for purpose, age_s in (await signing_keys.ages_s(stores.postgres)).items():
        ages.add_metric([purpose], age_s)
    return [lag, pending, waiting, unfinished, ages]


_GAUGES: tuple[tuple[str, str, Callable[[RoomFigures], float | None]], ...] = (  # None: no series
    (
        "admission_rate_per_minute",
        "Configured calls per minute.",
        lambda it: it.room.settings.admission_rate_per_minute,
    ),
    (
        "active_visitors_max",
        "Sessions that may run at once; +Inf without a limit.",
        lambda it: it.room.settings.active_visitors_max or inf,
    ),
    ("available_tickets", "Free tickets, in rooms that sell tickets.", lambda it: it.status.available),
    ("waiting", "Visitors waiting, including the pre-queue.", lambda it: it.status.waiting),
    ("called", "Visitors called who have not yet claimed their turn.", lambda it: it.status.called),
    ("active", "Running sessions.", lambda it: it.status.active),
    ("serving_position", "Highest queue number called.", lambda it: it.status.serving_position),
    ("last_queue_number", "Highest queue number assigned.", lambda it: it.status.last_number),
    ("outflow_per_minute", "Admissions over the last minute.", lambda it: it.status.outflow_per_minute),
    ("stream_backlog", "Reservation requests waiting for a worker.", lambda it: it.backlog),
)
_COUNTERS = (
    ("joined", "Places assigned."),
    ("admitted", "Visitors called."),
    ("no_shows", "Turns that were not claimed in time."),
    ("claimed", "Sessions started."),
    ("expired", "Sessions that ran out."),
    ("left", "Places that visitors gave up."),
    ("done", "Sessions ended before they ran out."),
)


def _of_rooms(figures: list[RoomFigures]) -> Iterator[Metric]:
    for name, help_text, value in _GAUGES:
        gauge = GaugeMetricFamily(f"fairgate_{name}", help_text, labels=["room_id"])
        for it in figures:
            if (measured := value(it)) is not None:
                gauge.add_metric([it.room.room_id], measured)
        yield gauge
    for name, help_text in _COUNTERS:
        counter = CounterMetricFamily(f"fairgate_{name}", help_text, labels=["room_id"])
        for it in figures:
            counter.add_metric([it.room.room_id], int(getattr(it.counted, name)))
        yield counter
    states = GaugeMetricFamily(
        "fairgate_room_state", "1 for the state the room is in.", labels=["room_id", "state"]
    )
    for it in figures:
        for state in STATES:
            states.add_metric([it.room.room_id, state], it.status.state == state)
    yield states


def _of_shops(figures: list[RoomFigures], shops: list[Origin | None]) -> Iterator[Metric]:
    """The series of rooms whose shop has reported lately."""
    p95 = GaugeMetricFamily(
        "fairgate_origin_p95_seconds", "Reported p95 of a room's shop.", labels=["room_id"]
    )
    errors = GaugeMetricFamily(
        "fairgate_origin_error_ratio", "Share of the shop's requests that failed.", labels=["room_id"]
    )
    for of_room, shop in zip(figures, shops, strict=True):
        health = autopilot.health(list(shop.readings.values()), of_room.status.now_ms) if shop else None
        if health is not None:
            p95.add_metric([of_room.room.room_id], health.p95_ms / 1000)
            errors.add_metric([of_room.room.room_id], health.error_rate)
    yield from (p95, errors)


def _conservation(
    figures: list[RoomFigures], types: Mapping[EventId, list[TicketType]], drift: Drift
) -> Metric:
    gauge = GaugeMetricFamily(
        "fairgate_conservation_drift",
        "Tickets that do not add up; anything but 0 is wrong.",
        labels=["event_id"],
    )
    for of_room in figures:
        if of_room.room.event_id:
            tickets = drift.of(of_room.room.event_id, of_room.stock, types.get(of_room.room.event_id, []))
            gauge.add_metric([of_room.room.event_id], tickets)
    drift.forget_others({it.room.event_id for it in figures if it.room.event_id})
    return gauge
