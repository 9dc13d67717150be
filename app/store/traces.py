"""Spans of sampled traces, and which requests are sampled. OpenTelemetry itself is in `app/tracing.py`.

A span of OpenTelemetry's SDK costs as much as a join, and its decision not to record one a quarter of that.
So spans are plain objects here, created for sampled requests only, and converted once they have ended.
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
SCRIPT_NAMES: dict[str, str] = {}  # of the loaded Lua scripts, by their digests
SUMMARY_MAX, TEXT_MAX = 255, 2_000  # characters
_LOW_BITS = ALL - 1
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_OPERATION = re.compile(
    r"(?:\b(INSERT) INTO|(?<!FOR )(?<!KEY )(?<!DO )\b(UPDATE)|\b(DELETE) FROM|\b(SELECT)\b.*?\bFROM) (\w+)"
)
_SUBJECT = re.compile(r"[\w-]{1,128}", re.ASCII)  # safe inside an SQL comment


class Point:
    """A position in a sampled trace that can have child spans, here or in another process."""

    __slots__ = ("send", "span_id", "trace_id")

    def __init__(self, send: Callable[[Span], None], trace_id: int, span_id: int) -> None:
        self.send, self.trace_id, self.span_id = send, trace_id, span_id

    @property
    def traceparent(self) -> str:
        """The header and field that propagates it, as in W3C Trace Context."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"

    @property
    def ids(self) -> dict[str, str]:
        """Its ids for log lines."""
        return {"trace_id": f"{self.trace_id:032x}", "span_id": f"{self.span_id:016x}"}

    def child(
        self,
        name: str,
        kind: Kind = "internal",
        attributes: Mapping[str, str | int | bool] | None = None,
        links: Sequence[Point] = (),
    ) -> Span:
        """Start a child span."""
        return Span(self.send, self.trace_id, self, name, kind, dict(attributes or {}), links)


class Span(Point):
    """One unit of work in a sampled trace."""

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
        """End the span. Only the first call counts."""
        if self.ended_ns:
            return
        self.error, self.ended_ns = error, time.time_ns()
        self.send(self)


class Caller(NamedTuple):
    """A parsed `traceparent` header."""

    trace_id: int
    span_id: int
    sampled: bool


class Sampling(NamedTuple):
    """Which traces are sampled: those whose id, its low 64 bits, is below `bound`, as in OpenTelemetry's
    TraceIdRatioBased. `follows`: a decision by the caller takes precedence."""

    bound: int
    follows: bool

    def wants(self, caller: Caller) -> bool:
        """Whether a caller's trace is sampled here."""
        return caller.sampled if self.follows else caller.trace_id & _LOW_BITS < self.bound


class Tracer:
    """Starts traces and continues those of others. `send` gets each span once it has ended."""

    def __init__(self, sampling: Sampling, send: Callable[[Span], None]) -> None:
        self._sampling, self._send = sampling, send
        self._odds = log1p(-sampling.bound / ALL) if 0 < sampling.bound < ALL else 0.0
        self.passes = self._gap()  # how many more requests without a trace to skip

    def request(self, traceparent: str | None) -> Span | None:
        """The server span of a request, if it is sampled; the handler names it."""
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
        """How many requests to skip until one is sampled: drawn once for all of them, because a draw for
        each would be most of the cost of a request that is not sampled."""
        if self._odds:
            return log(1 - random()) // self._odds
        return 0 if self._sampling.bound else inf

    def point(self, traceparent: str | None) -> Point | None:
        """Resolve a stored `traceparent`; None if there is none, or it is not sampled."""
        caller = read_traceparent(traceparent) if traceparent else None
        return Point(self._send, caller.trace_id, caller.span_id) if caller and caller.sampled else None


def read_traceparent(text: str) -> Caller | None:
    """Parse a `traceparent`; None if it is malformed."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return None
    trace_id, span_id = int(match[2], 16), int(match[3], 16)
    return Caller(trace_id, span_id, int(match[4], 16) & 1 == 1) if trace_id and span_id else None


def sql_comment(point: Point, traces: Mapping[str, str]) -> str:
    """A comment for a statement, in the format of sqlcommenter. The outbox reads it (migration 0052): rows
    written continue this trace, or for a subject in `traces` that one."""
    more = "".join(f",{it}='{traceparent}'" for it, traceparent in traces.items() if _SUBJECT.fullmatch(it))
    return f" /*traceparent='{point.traceparent}'{more}*/"


@lru_cache(maxsize=1_000)
def sql_summary(query: str) -> tuple[str, str]:
    """What a statement does to which tables, in the format of `db.query.summary`, and its text in one
    line."""
    text = " ".join(line.partition("--")[0] for line in query.split("\n"))
    text = " ".join(text.split())
    operations = [" ".join(filter(None, it)) for it in _OPERATION.findall(text)]
    summary = " ".join(dict.fromkeys(operations)) or text.partition(" ")[0].rstrip(";")
    return summary[:SUMMARY_MAX], text[:TEXT_MAX]
