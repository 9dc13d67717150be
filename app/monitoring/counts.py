"""Counts and gauges of all processes, for `/metrics`: the same whichever process is scraped.

Each process adds its counts to sums in Redis, about once a second: so a process that ends takes nothing with
it that it has published, and a sum never falls (unless Redis is lost). Gauges, such as memory or open
streams, are published by each process for as long as it lives.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.samples import Sample

from app import metrics
from app.core.clock import now_ms
from app.store.connections import REDIS_AWAY, RedisClient
from app.store.redis import counts

EVERY_S = 1.0
FINAL_FLUSH_S = 0.5  # a stopping process does not wait long for Redis
SUMMED = ("counter", "histogram")
DURATIONS = "fairgate_request_seconds"

Series = tuple[str, tuple[tuple[str, str], ...]]


class InstallationCounts(NamedTuple):
    """Counts of all processes for as long as Redis has had them, including those that have ended."""

    since_ms: int  # 0: not known
    requests: int
    refusals: dict[str, int]  # by code
    reservations: dict[str, int]  # by outcome


class Counts:
    """Adds the counts of a registry to the sums over all processes. One per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._process = secrets.token_hex(8)
        self._turn = 0
        self._published: dict[Series, float] = {}
        self._sending: dict[Series, tuple[str, float]] = {}
        self._one_by_one = asyncio.Lock()

    async def publish(self, redis: RedisClient) -> list[Metric]:
        """Add the counts since the last time; but first resend those that may not have arrived.

        Returns all metrics as they were collected for this.
        """
        async with self._one_by_one:
            if self._sending:
                await self._send(redis)
            collected = list(self._registry.collect())
            self._sending = {
                series: (_field(metric, it), it.value)
                for metric, it in _samples(collected)
                if it.value != self._published.get(series := _series(it), 0.0)
            }
            if self._sending:
                self._turn += 1
                await self._send(redis)
            return collected

    async def _send(self, redis: RedisClient) -> None:
        amounts = {
            field: value - self._published.get(series, 0.0)
            for series, (field, value) in self._sending.items()
        }
        await counts.add_counts(redis, counts.KEYS, amounts, process=self._process, turn=self._turn)
        self._published |= {series: value for series, (_, value) in self._sending.items()}
        self._sending = {}


OURS = Counts(metrics.REGISTRY)


async def publish(redis: RedisClient, process: str) -> None:
    """Publish the counts and gauges of this process; called about every second."""
    measured = {
        _field(metric, it): it.value
        for metric in await OURS.publish(redis)
        if _is_gauge(metric)
        for it in metric.samples
    }
    await counts.publish_gauges(redis, process, measured)


async def read(redis: RedisClient) -> list[Metric]:
    """The counts of all processes, of this one up to now, and the gauges of live ones."""
    collected = await OURS.publish(redis)
    nothing = {_field(metric, it): 0.0 for metric, it in _samples(collected)}
    by_name: dict[str, Metric] = {}
    for field, value in (nothing | await counts.sums(redis)).items():
        _add(by_name, field, value)
    for process, fields in (await counts.gauges(redis)).items():
        for field, value in fields.items():
            _add(by_name, field, value, {"process": process})
    for own_metric in collected:
        if own_metric.name in by_name:
            by_name[own_metric.name].documentation = own_metric.documentation
    for metric in by_name.values():
        metric.samples.sort(key=_order)
    if durations := by_name.get(DURATIONS):
        durations.samples = [_with_exemplar(it) for it in durations.samples]
    return list(by_name.values())


async def installation(redis: RedisClient) -> InstallationCounts:
    """The counts of all processes, of this one up to now, as figures for people."""
    await OURS.publish(redis)
    requests, refusals, reservations = 0, dict[str, int](), dict[str, int]()
    for field, value in (await counts.sums(redis)).items():
        name, _, sample, labels = json.loads(field)
        if sample != f"{name}_total":
            continue
        if name == "fairgate_requests":
            requests += int(value)
        elif name == "fairgate_refusals":
            refusals[labels["code"]] = int(value)
        elif name == "fairgate_reservations":
            reservations[labels["outcome"]] = int(value)
    return InstallationCounts(await counts.beginning(redis), requests, refusals, reservations)


async def answered(redis: RedisClient) -> tuple[int, int]:
    """How many calls all processes answered, and how many of these with 5xx."""
    calls = wrong = 0
    for field, value in (await counts.sums(redis)).items():
        if field.startswith('["fairgate_requests", '):
            _, _, sample, labels = json.loads(field)
            if sample == "fairgate_requests_total":
                calls += int(value)
                wrong += int(value) if labels["status"].startswith("5") else 0
    return calls, wrong


async def is_gateway_open(redis: RedisClient) -> bool:
    """Whether any process's circuit to the payment gateway is open, because calls fail."""
    opened = '"fairgate_gateway_circuit", {"state": "opened"}]'
    return any(
        value and field.endswith(opened)
        for fields in (await counts.gauges(redis)).values()
        for field, value in fields.items()
    )


async def durations(redis: RedisClient, call: str) -> list[int]:
    """A histogram of the durations of a call over all processes: one count per bound in `metrics.BOUNDS`."""
    fields = [
        json.dumps([DURATIONS, "histogram", f"{DURATIONS}_bucket", {"call": call, "le": bound}])
        for bound in metrics.BOUNDS
    ]
    cumulated = [int(it) for it in await counts.some_sums(redis, fields)]
    return [it - before for it, before in zip(cumulated, [0, *cumulated], strict=False)]


async def keep_published(redis: RedisClient, process: str) -> None:
    """Publish every second, and a last time at the end."""
    task = asyncio.current_task()
    assert task is not None
    try:
        while not task.cancelling():  # redis-py may swallow a cancellation while it connects
            with suppress(*REDIS_AWAY):
                await counts.note_beginning(redis, now_ms())
            await asyncio.sleep(EVERY_S)
            with suppress(*REDIS_AWAY):
                await publish(redis, process)
    finally:
        with suppress(*REDIS_AWAY):
            async with asyncio.timeout(FINAL_FLUSH_S):
                await OURS.publish(redis)


def _samples(collected: Iterable[Metric]) -> Iterator[tuple[Metric, Sample]]:
    for metric in collected:
        if metric.type in SUMMED and metric.name.startswith("fairgate_"):
            for it in metric.samples:
                yield metric, it


def _is_gauge(metric: Metric) -> bool:
    return metric.type not in SUMMED or metric.name.startswith("process_")


def _series(sample: Sample) -> Series:
    return sample.name, tuple(sample.labels.items())


def _field(metric: Metric, sample: Sample) -> str:
    return json.dumps([metric.name, metric.type, sample.name, sample.labels])


def _add(by_name: dict[str, Metric], field: str, value: float, more: Mapping[str, str] | None = None) -> None:
    name, kind, sample, labels = json.loads(field)
    metric = by_name.setdefault(name, Metric(name, "", kind))
    metric.samples.append(Sample(sample, {**labels, **(more or {})}, value))


def _with_exemplar(sample: Sample) -> Sample:
    """Add a call of this process as an exemplar to its bucket, to find its trace; other processes have
    none."""
    if "le" not in sample.labels:
        return sample
    return sample._replace(exemplar=metrics.ANSWERS.exemplar(sample.labels["call"], sample.labels["le"]))


def _order(sample: Sample) -> tuple[list[tuple[str, str]], str, float]:
    """Sort key: keeps the samples of one set of labels together, buckets by their bound."""
    plain = sorted((name, value) for name, value in sample.labels.items() if name != "le")
    return plain, sample.name, float(sample.labels.get("le", 0))
