"""The metrics of Fairgate. Each process has one registry; a worker's numbers reach `/metrics` through Redis.

A web process answers a scrape with its own counters, those published by each live worker, and the current
state of rooms in Redis. Figures that must hold for the whole installation (joins, admissions) are counted in
Redis.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from itertools import accumulate

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles the text for no benefit
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BOUNDS = (*(str(bound) for bound in BUCKETS_S), "+Inf")


class Answers(Collector):
    """Answered calls, counted in plain integers by the one event loop.

    The library's own counter and histogram take three locks per call, a tenth of the cost of a join.
    """

    def __init__(self) -> None:
        self._statuses: dict[tuple[str, int], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._exemplars: dict[tuple[str, str], Exemplar] = {}

    def count(self, call: str, status: int, seconds: float, trace_id: str | None = None) -> None:
        """Count one answered call; `trace_id` is given if the call is traced, in hexadecimal."""
        statuses, buckets = self._statuses, self._buckets.get(call)
        if buckets is None:
            buckets = self._buckets[call] = [0] * (len(BUCKETS_S) + 1)
            self._seconds[call] = 0.0
        statuses[call, status] = statuses.get((call, status), 0) + 1
        bucket = bisect_left(BUCKETS_S, seconds)
        buckets[bucket] += 1
        self._seconds[call] += seconds
        if trace_id is not None:
            self._exemplars[call, BOUNDS[bucket]] = Exemplar({"trace_id": trace_id}, seconds, time.time())

    def buckets(self, call: str) -> list[int]:
        """Return the calls by duration: one count per bound in `BOUNDS`, not cumulative."""
        return self._buckets.get(call) or [0] * len(BOUNDS)

    def exemplar(self, call: str, bound: str) -> Exemplar | None:
        """Return this process's latest traced call in a bucket."""
        return self._exemplars.get((call, bound))

    def total(self) -> int:
        """Return how many calls were answered."""
        return sum(self._statuses.values())

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics for a scrape."""
        answered = CounterMetricFamily("fairgate_requests", "Answered calls.", labels=["call", "status"])
        for (call, status), count in self._statuses.items():
            answered.add_metric([call, str(status)], count)
        yield answered
        took = HistogramMetricFamily(
            "fairgate_request_seconds", "Time from the complete request to its answer.", labels=["call"]
        )
        for call, counts in self._buckets.items():
            took.add_metric([call], list(zip(BOUNDS, accumulate(counts), strict=True)), self._seconds[call])
        yield took


class Outcomes(Collector):
    """Counts by outcome, in plain integers like `Answers`, for things that happen as often as requests."""

    def __init__(self, name: str, documentation: str) -> None:
        self._name, self._documentation = name, documentation
        self._outcomes: dict[str, int] = {}

    def count(self, outcome: str, count: int = 1) -> None:
        """Add `count` to an outcome."""
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + count

    def counted(self, outcome: str) -> int:
        """Return the count of an outcome."""
        return self._outcomes.get(outcome, 0)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric for a scrape."""
        family = CounterMetricFamily(self._name, self._documentation, labels=["outcome"])
        for outcome, count in self._outcomes.items():
            family.add_metric([outcome], count)
        yield family


ANSWERS = Answers()
REGISTRY.register(ANSWERS)
REFUSALS = Counter("fairgate_refusals", "Refused requests, by code.", ["code"], registry=REGISTRY)
RESERVATIONS = Outcomes(
    "fairgate_reservations",
    "Reservations, by outcome: held, confirmed, cancelled, expired, sold_out, limit_exceeded ...",
)
REGISTRY.register(RESERVATIONS)
STORE_FAILURES = Counter(
    "fairgate_store_failures",
    "Times a store was unavailable when it was needed.",
    ["where"],
    registry=REGISTRY,
)
GATE = Outcomes(
    "fairgate_gate",
    "Requests at the gate, by outcome: passed, entered (no crowd), claimed, handed_over, renewed, "
    "queued, refused, bypassed, no_site (no site rule matches).",
)
REGISTRY.register(GATE)
CRAWLERS = Counter(
    "fairgate_crawlers",
    "Crawlers checked in DNS, by outcome: proved, disproved, away (no answer), not_asked (too many).",
    ["outcome"],
    registry=REGISTRY,
)
AUTOPILOT = Counter(
    "fairgate_autopilot_changes",
    "Rate changes by the autopilot, by direction: up, down.",
    ["direction"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "fairgate_webhook_deliveries",
    "Webhook requests, by outcome: delivered, failed (will be retried), given_up.",
    ["outcome"],
    registry=REGISTRY,
)
VISITOR_EVENTS_DROPPED = Counter(
    "fairgate_visitor_events_dropped",
    "Visitor events that were dropped because 100,000 of their room were already waiting.",
    registry=REGISTRY,
)
MAILS = Counter(
    "fairgate_mails",
    "E-mails, by outcome: sent, kept (no server), failed (will be retried), dropped, given_up, unclear.",
    ["outcome"],
    registry=REGISTRY,
)
CIRCUIT = Gauge(
    "fairgate_gateway_circuit",
    "1 for the current state of the circuit to the payment gateway: closed, opened, half-opened.",
    ["state"],
    registry=REGISTRY,
)
DRIFT = Counter(
    "fairgate_drift",
    "Lasting differences between the stores, by kind and outcome: mended (repaired) or left (for a person).",
    ["kind", "outcome"],
    registry=REGISTRY,
)
LOOP_RESTARTS = Counter(
    "fairgate_loop_restarts",
    "Long-running tasks that failed and were restarted.",
    ["loop"],
    registry=REGISTRY,
)
LOOP_FAULTS = Counter(
    "fairgate_loop_faults",
    "Times a long-running task failed for one room or item and continued with the rest.",
    ["loop"],
    registry=REGISTRY,
)
JOBS = Counter(
    "fairgate_jobs",
    "Runs of jobs, by outcome: done, failed, cut_off (too slow, or the worker stopped), store_away.",
    ["job", "outcome"],
    registry=REGISTRY,
)
JOB_SECONDS = Histogram(
    "fairgate_job_seconds",
    "Duration of job runs.",
    ["job"],
    buckets=(0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0),
    registry=REGISTRY,
)
STREAMS_BROKEN = Counter(
    "fairgate_streams_broken",
    "Streamed responses that broke off, by reason: the reader stalled for too long, or an error.",
    ["why"],
    registry=REGISTRY,
)
SET_ASIDE = Counter(
    "fairgate_set_aside",
    "Work that could not be processed and was set aside, by kind: reservation, notice, mail, webhook.",
    ["kind"],
    registry=REGISTRY,
)
BUILD = Gauge(
    "fairgate_build_info", "1 for the build that a process runs.", ["version", "commit"], registry=REGISTRY
)
VIEWERS = Gauge("fairgate_stream_viewers", "Open SSE streams.", registry=REGISTRY)


def count_answer(call: str, status: int, seconds: float, trace_id: str | None = None) -> None:
    """Count an answered call."""
    ANSWERS.count(call, status, seconds, trace_id)


@cache
def _refused(code: str) -> Counter:
    return REFUSALS.labels(code)


def count_refusal(code: str) -> None:
    """Count a refused request."""
    _refused(code).inc()


def count_reservations(outcome: str, count: int = 1) -> None:
    """Count reservations with this outcome."""
    RESERVATIONS.count(outcome, count)
