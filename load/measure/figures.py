"""What the benchmark finds, and the arithmetic on it: medians, spreads, ratios, targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Self

import msgspec

GENERATOR = "wrk"
PARALLEL = "postgres"  # has a process per connection, so it is not limited to one core


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a row: its trials, and their median, which is compared with the target."""

    what: str
    median: float
    trials: list[float]
    at_least: float | None = None
    at_most: float | None = None

    @classmethod
    def of(
        cls,
        what: str,
        trials: Sequence[float],
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> Self:
        """Build a figure from one or more trials."""
        return cls(what=what, median=median(trials), trials=list(trials), at_least=at_least, at_most=at_most)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.at_least is None and self.at_most is None:
            return None
        enough = self.at_least is None or self.median >= self.at_least
        return enough and (self.at_most is None or self.median <= self.at_most)


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a row that sends requests. `per_s` counts successful responses only."""

    per_s: float
    p50_ms: float
    p99_ms: float
    good: int
    answered: Mapping[int, int]
    broken: int
    seconds: float
    cpu_s: Mapping[str, float]  # by process
    batch: float  # responses per script run in Redis meanwhile, including the worker's
    wal_bytes: int = 0  # WAL written by Postgres meanwhile

    @property
    def refused_percent(self) -> float:
        """The percentage of responses that were not successful, including requests without a response."""
        total = sum(self.answered.values()) + self.broken
        return 100 * (total - self.good) / total if total else 100.0

    @property
    def cpu_us(self) -> dict[str, float]:
        """Microseconds of CPU per response, by process."""
        answers = max(1, sum(self.answered.values()))
        return {name: 1e6 * spent_s / answers for name, spent_s in self.cpu_s.items()}

    @property
    def wal_each(self) -> float:
        """Bytes of Postgres' WAL per response, including everything else committed meanwhile."""
        return self.wal_bytes / max(1, sum(self.answered.values()))

    @property
    def cores(self) -> dict[str, float]:
        """Percent of one core, by process."""
        return {name: 100 * spent_s / self.seconds for name, spent_s in self.cpu_s.items()}


class Reference(msgspec.Struct, frozen=True):
    """What a store alone does per second, at the row's batch size; `share` is the row's part of it."""

    what: str
    batch: int
    per_s: float
    share: float

    @classmethod
    def of(cls, what: str, batch: int, rows: Sequence[float], alone: Sequence[float]) -> Self:
        """Compare each trial with the reference measured right after it."""
        shares = [row / other if other else 0.0 for row, other in zip(rows, alone, strict=True)]
        return cls(what, batch, median(alone), median(shares))


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The measurements of one thing; the first figure is the main one."""

    name: str
    figures: list[Figure]
    cpu: Mapping[str, float] = {}  # percent of one core, by process
    cpu_us: Mapping[str, float] = {}  # microseconds per response, by process
    batch: float = 0.0
    answered: Mapping[int, int] = {}
    broken: int = 0
    reference: Reference | None = None
    note: str = ""  # what readers of the figures need to know


def missing(name: str, why: str) -> Row:
    """A row that was not measured, with what to do about it."""
    return Row(name=name, figures=[], note=f"not measured: {why}")


def row_of(
    name: str,
    trials: Sequence[Trial],
    *,
    at_least: float | None = None,
    p99_ms: float | None = None,
    refused_percent: float | None = None,
    reference: Reference | None = None,
    note: str = "",
) -> Row:
    """Build a row of requests: rate, latencies and CPU by process, with the targets."""
    figures = [
        Figure.of("a second", [it.per_s for it in trials], at_least=at_least),
        Figure.of("p50 ms", [it.p50_ms for it in trials]),
        Figure.of("p99 ms", [it.p99_ms for it in trials], at_most=p99_ms),
    ]
    if refused_percent is not None:
        refused = [it.refused_percent for it in trials]
        figures.append(Figure.of("not 201, %", refused, at_most=refused_percent))
    answered: dict[int, int] = {}
    for it in trials:
        for status, count in it.answered.items():
            answered[status] = answered.get(status, 0) + count
    return Row(
        name=name,
        figures=figures,
        cpu=medians([it.cores for it in trials]),
        cpu_us=medians([it.cpu_us for it in trials]),
        batch=median(it.batch for it in trials),
        answered=answered,
        broken=sum(it.broken for it in trials),
        reference=reference,
        note=note,
    )


def medians(trials: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each name that every trial has."""
    names = [name for name in trials[0] if all(name in it for it in trials)]
    return {name: median(it[name] for it in trials) for name in names}


def capacity_per_s(cpu_us: Mapping[str, float], processes: Mapping[str, int], cores: int) -> float:
    """Requests per second that these cores and processes have CPU for, without the load generator.

    `cpu_us` is the cost of one request by process; `processes` is the number of each, by default one. The
    limit is reached when all cores are busy, or all processes of one kind, each of which fills one core.
    """
    costs = {name: us for name, us in cpu_us.items() if name != GENERATOR and us > 0}
    if not costs:
        return 0.0
    limits = [cores / sum(costs.values())]
    limits += [processes.get(name, 1) / us for name, us in costs.items() if name != PARALLEL]
    return 1e6 * min(limits)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` percent of all do not exceed; 0 if there are none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * percent // 100).__trunc__() - 1))]
