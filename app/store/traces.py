"""Spans of sampled traces, and which requests are sampled. OpenTelemetry itself is in `app/tracing.py`.

A span of OpenTelemetry's SDK costs as much as a join, and its decision not to record one a quarter of that.
So spans are plain objects here, made for sampled requests only, and converted when they have ended.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import inf, log, log1p
from random import getrandbits, random
from typing import Literal, NamedTuple

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = dict[str, str | int | bool]

ALL = 1 << 64  # as a bound of `Sampling`: every trace
SCRIPT_NAMES: dict[str, str] = {}  # of the Lua scripts that were loaded, by their digests
SUMMARY_MAX, TEXT_MAX = 255, 2_000  # characters
_LOW_BITS = ALL - 1
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_OPERATION = re.compile(
    r"(?:\b(INSERT) INTO|(?<!FOR )(?<!KEY )(?<!DO )\b(UPDATE)|\b(DELETE) FROM|\b(SELECT)\b.*?\bFROM) (\w+)"
)
_SUBJECT = re.compile(r"[\w-]{1,128}", re.ASCII)  # it goes into a comment of SQL


class Point:
    """A place in a sampled trace that spans can be below, here or in another process."""

    __slots__ = ("send", "span_id", "trace_id")

    def __init__(self, send: Callable[[Span], None], trace_id: int, span_id: int) -> None:
        self.send, self.trace_id, self.span_id = send, trace_id, span_id

    @property
    def traceparent(self) -> str:
        """The header and field that carries it on, as W3C Trace Context has it."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"

    @property
    def ids(self) -> dict[str, str]:
        """What log lines say of it."""
        return {"trace_id": f"{self.trace_id:032x}", "span_id": f"{self.span_id:016x}"}

    def child(
        self,
        name: str,
        kind: Kind = "internal",
        attributes: Mapping[str, str | int | bool] | None = None,
        links: Sequence[Point] = (),
    ) -> Span:
        """Begin a span below this place."""
        return Span(self.send, self.trace_id, self, name, kind, dict(attributes or {}), links)


class Span(Point):
    """One piece of work of a sampled trace."""

    __slots__ = ("attributes", "ended_ns", "error", "kind", "links", "name", "parent", "started_ns")

    def __init__(
        self,
        send: Callable[[Span], None],
        trace_id: int,
        parent: Point | None,
        name: str,
        kind: Kind,
        attributes: Attributes,
        links: Sequence[Point] = (),
    ) -> None:
        super().__init__(send, trace_id, getrandbits(64) or 1)
        self.parent, self.name, self.kind = parent, name, kind
        self.attributes, self.links = attributes, links
        self.error = ""  # the `error.type`
        self.started_ns, self.ended_ns = time.time_ns(), 0

    def end(self, error: str = "") -> None:
        """It is over. Only the first call counts."""
        if self.ended_ns:
            return
        self.error, self.ended_ns = error, time.time_ns()
        self.send(self)


class Caller(NamedTuple):
    """What a `traceparent` header says."""

    trace_id: int
    span_id: int
    sampled: bool


class Sampling(NamedTuple):
    """Which traces are sampled: those whose id, its low 64 bits, is below `bound`, as OpenTelemetry's
    TraceIdRatioBased has it. `follows`: where the caller has decided, that counts."""

    bound: int
    follows: bool

    def wants(self, caller: Caller) -> bool:
        """Whether a caller's trace is sampled here."""
        return caller.sampled if self.follows else caller.trace_id & _LOW_BITS < self.bound


class Tracer:
    """Begins traces and goes on with those of others. `send` gets each span when it has ended."""

    def __init__(self, sampling: Sampling, send: Callable[[Span], None]) -> None:
        self._sampling, self._send = sampling, send
        self._odds = log1p(-sampling.bound / ALL) if 0 < sampling.bound < ALL else 0.0
        self.passes = self._gap()  # how many requests that continue no trace are not sampled now

    def request(self, traceparent: str | None) -> Span | None:
        """The server span of a request, if it is sampled; whoever answers it names it."""
        caller = read_traceparent(traceparent) if traceparent else None
        if caller is None:
            if self.passes:
                self.passes -= 1
                return None
            self.passes = self._gap()
            trace_id = getrandbits(64) << 64 | getrandbits(64) * self._sampling.bound >> 64
            return Span(self._send, trace_id or 1, None, "", "server", {})
        if not self._sampling.wants(caller):
            return None
        parent = Point(self._send, caller.trace_id, caller.span_id)
        return Span(self._send, caller.trace_id, parent, "", "server", {})

    def _gap(self) -> float:
        """How many ids at random are not below the bound until one is: drawn once for all of them, for a draw
        for each would be most of what a request costs that is not sampled."""
        if self._odds:
            return log(1 - random()) // self._odds
        return 0 if self._sampling.bound else inf

    def point(self, traceparent: str | None) -> Point | None:
        """Where a stored `traceparent` leads; None if there is none, or it is not sampled."""
        caller = read_traceparent(traceparent) if traceparent else None
        return Point(self._send, caller.trace_id, caller.span_id) if caller and caller.sampled else None


def read_traceparent(text: str) -> Caller | None:
    """What a `traceparent` says, None if it is malformed."""
    found = _TRACEPARENT.fullmatch(text)
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    trace_id, span_id = int(found[2], 16), int(found[3], 16)
    return Caller(trace_id, span_id, int(found[4], 16) & 1 == 1) if trace_id and span_id else None


def sql_comment(here: Point, traces: Mapping[str, str]) -> str:
    """A comment for a statement, as sqlcommenter has it. The outbox reads it (migration 0052): what is
    written goes on with this trace, and what is written of a subject in `traces` with that."""
    more = "".join(f",{it}='{traceparent}'" for it, traceparent in traces.items() if _SUBJECT.fullmatch(it))
    return f" /*traceparent='{here.traceparent}'{more}*/"


@lru_cache(maxsize=1_000)
def sql_summary(query: str) -> tuple[str, str]:
    """What a statement does to which tables, as `db.query.summary` has it, and its text in one line."""
    text = " ".join(line.partition("--")[0] for line in query.split("\n"))
    text = " ".join(text.split())
    found = [" ".join(filter(None, it)) for it in _OPERATION.findall(text)]
    summary = " ".join(dict.fromkeys(found)) or text.partition(" ")[0].rstrip(";")
    return summary[:SUMMARY_MAX], text[:TEXT_MAX]
