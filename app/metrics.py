"""What Fairgate counts. One registry per process; the worker's numbers reach `/metrics` through Redis.

A web process answers a scrape with its own counters, with those each living worker published, and with
the rooms as Redis has them now. Whatever must be true for the installation (joins, admissions) is counted
in Redis.
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

disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles the text and tells nothing
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BOUNDS = (*(str(bound) for bound in BUCKETS_S), "+Inf")


class Answers(Collector):
    """Calls answered, counted in plain integers of the one event loop.

    The library's own counter and histogram take three locks a call, a tenth of what a join costs.
    """

    def __init__(self) -> None:
        self._statuses: dict[tuple[str, int], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._exemplars: dict[tuple[str, str], Exemplar] = {}

    def count(self, call: str, status: int, seconds: float, trace_id: str | None = None) -> None:
        """Count one answered call; `trace_id` of one that is traced, in hexadecimal."""
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
        """Calls by duration: one count per bound in `BOUNDS`, not cumulative."""
        return self._buckets.get(call) or [0] * len(BOUNDS)

    def exemplar(self, call: str, bound: str) -> Exemplar | None:
        """The latest call of this process in a bucket that is traced."""
        return self._exemplars.get((call, bound))

    def total(self) -> int:
        """How many calls were answered."""
        return sum(self._statuses.values())

    def collect(self) -> Iterator[Metric]:
        """The metrics of a scrape."""
        answered = CounterMetricFamily("fairgate_requests", "Calls answered.", labels=["call", "status"])
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
    """Things by outcome, in plain integers as `Answers`: those there are as many of as there are requests."""

    def __init__(self, name: str, documentation: str) -> None:
        self._name, self._documentation = name, documentation
        self._outcomes: dict[str, int] = {}

    def count(self, outcome: str, count: int = 1) -> None:
        """Count so many."""
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + count

    def counted(self, outcome: str) -> int:
        """How many came to this outcome."""
        return self._outcomes.get(outcome, 0)

    def collect(self) -> Iterator[Metric]:
        """The metric of a scrape."""
        found = CounterMetricFamily(self._name, self._documentation, labels=["outcome"])
        for outcome, count in self._outcomes.items():
            found.add_metric([outcome], count)
        yield found


ANSWERS = Answers()
REGISTRY.register(ANSWERS)
REFUSALS = Counter("fairgate_refusals", "Refused requests by code.", ["code"], registry=REGISTRY)
RESERVATIONS = Outcomes(
    "fairgate_reservations",
    "Reservations by outcome: held, confirmed, cancelled, expired, sold_out, limit_exceeded ...",
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
    "Requests at the gate by outcome: passed, entered (unseen), claimed, handed_over, renewed, "
    "queued, refused, bypassed, no_site (no rule of a site is about them).",
)
REGISTRY.register(GATE)
CRAWLERS = Counter(
    "fairgate_crawlers",
    "Crawlers asked about in DNS by outcome: proved, disproved, away (no answer), not_asked (too many).",
    ["outcome"],
    registry=REGISTRY,
)
AUTOPILOT = Counter(
    "fairgate_autopilot_changes",
    "Changes of a rate by the autopilot: up, down.",
    ["direction"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "fairgate_webhook_deliveries",
    "Webhook requests by outcome: delivered, failed (tried again), given_up.",
    ["outcome"],
    registry=REGISTRY,
)
VISITOR_EVENTS_DROPPED = Counter(
    "fairgate_visitor_events_dropped",
    "Visitor events that were not told because 100,000 of their room waited already.",
    registry=REGISTRY,
)
MAILS = Counter(
    "fairgate_mails",
    "Mails by outcome: sent, kept (no server), failed (tried again), dropped, given_up, unclear.",
    ["outcome"],
    registry=REGISTRY,
)
CIRCUIT = Gauge(
    "fairgate_gateway_circuit",
    "1 for the state the circuit to the payment gateway is in: closed, opened, half-opened.",
    ["state"],
    registry=REGISTRY,
)
DRIFT = Counter(
    "fairgate_drift",
    "Differences between the stores that lasted, by kind: mended, or left for a person.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
LOOP_RESTARTS = Counter(
    "fairgate_loop_restarts",
    "Long-running tasks that broke and were started again.",
    ["loop"],
    registry=REGISTRY,
)
LOOP_FAULTS = Counter(
    "fairgate_loop_faults",
    "Times a long-running task failed for one room or other thing and went on with the rest.",
    ["loop"],
    registry=REGISTRY,
)
JOBS = Counter(
    "fairgate_jobs",
    "Runs of jobs by outcome: done, failed, cut_off (took too long, or the worker stopped), store_away.",
    ["job", "outcome"],
    registry=REGISTRY,
)
JOB_SECONDS = Histogram(
    "fairgate_job_seconds",
    "How long runs of jobs took.",
    ["job"],
    buckets=(0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0),
    registry=REGISTRY,
)
STREAMS_BROKEN = Counter(
    "fairgate_streams_broken",
    "Answers that ended in the middle: the reader took nothing for too long, or an error.",
    ["why"],
    registry=REGISTRY,
)
SET_ASIDE = Counter(
    "fairgate_set_aside",
    "Work that could not be done and was set aside, by kind: reservation, notice, mail, webhook.",
    ["kind"],
    registry=REGISTRY,
)
BUILD = Gauge(
    "fairgate_build_info", "1 for the build a process runs.", ["version", "commit"], registry=REGISTRY
)
VIEWERS = Gauge("fairgate_stream_viewers", "Open SSE streams.", registry=REGISTRY)


def answered(call: str, status: int, seconds: float, trace_id: str | None = None) -> None:
    """A call was answered."""
    ANSWERS.count(call, status, seconds, trace_id)


@cache
def _refused(code: str) -> Counter:
    return REFUSALS.labels(code)


def refused(code: str) -> None:
    """A request was refused."""
    _refused(code).inc()


def reserved(outcome: str, count: int = 1) -> None:
    """So many reservations came to this outcome."""
    RESERVATIONS.count(outcome, count)
