"""What is known about a request while it is handled: for its log line, and for its trace if it is sampled.

A request worth looking into later has a record: the call, what went wrong, where its time went. The calls of
a crowd have none unless they are sampled, and pay nothing for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Any, Protocol, TypeVar

from structlog.contextvars import bound_contextvars

from app.store.traces import Attributes, Kind, Point, Span, Tracer

T = TypeVar("T")

AT_ONCE_MAX = 100  # requests of one batch that its span links to, and whose subjects it knows

LEAST_S = 0.001  # shorter waits that called no other system are left out of traces


class Record:
    """What is known so far about one request, or one batch of requests."""

    __slots__ = (
        "call",
        "error",
        "ids",
        "newcomers_document",
        "of_a_crowd",
        "route",
        "span",
        "spent_s",
        "traces",
    )

    def __init__(self, span: Span | None = None) -> None:
        self.call = ""  # the name of the call or page; "" for an unknown address
        self.route = ""  # its path with the names of its parameters
        self.ids: dict[str, str] = {}
        self.error: Exception | None = None  # our own bug
        self.of_a_crowd = False  # logging a sample of these is enough
        self.spent_s: dict[str, float] = {}
        self.newcomers_document: object = None  # the content of a page that is the same for all newcomers
        self.span = span  # the parent of further spans, if sampled
        self.traces: Mapping[str, str] = {}  # of a batch: the traceparent of each sampled subject


RECORD: ContextVar[Record | None] = ContextVar("record", default=None)


class DescribedClient(Protocol):
    """A client that can describe its current request for a trace."""

    def describe(self, what: str) -> tuple[str, Attributes]:
        """The name and the attributes of the client's span."""


class span:  # used like a function: `with span("render"):`
    """Adds the time spent inside to the request's record under `name`, and a span to its trace.

    `of` is the client that was asked `what`, if any.
    """

    __slots__ = ("_name", "_of", "_record", "_started", "_what")

    def __init__(self, name: str, of: DescribedClient | None = None, what: str = "") -> None:
        self._name, self._record, self._of, self._what = name, RECORD.get(), of, what

    def __enter__(self) -> None:
        if self._record is not None:
            self._started = time.perf_counter()

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._record is not None:
            spent_s = self._record.spent_s
            took_s = time.perf_counter() - self._started
            spent_s[self._name] = spent_s.get(self._name, 0.0) + took_s
            if self._record.span is not None:
                self._trace(self._record.span, took_s, error.__name__ if error else "")

    def _trace(self, parent: Span, took_s: float, error: str) -> None:
        if self._of is not None:
            name, attributes = self._of.describe(self._what)
            child = parent.child(name, "client", attributes)
        elif took_s >= LEAST_S:
            child = parent.child(self._name)
        else:
            return
        child.started_ns -= round(took_s * 1e9)
        child.end(error)


@contextmanager
def batch(
    of: Sequence[tuple[Point, Sequence[str]]],
    name: str,
    kind: Kind = "internal",
    attributes: Attributes | None = None,
) -> Iterator[Span]:
    """Trace work done at once for one or more sampled requests, each with the subjects it concerns.

    The work is a span in the trace of the first request, linked to all of them. Each of the others gets a
    span of this name in its own trace, linked to the work.
    """
    points = [point for point, _ in of]
    work = points[0].child(name, kind, attributes, points[:AT_ONCE_MAX])
    apart = [it.child(name, kind, attributes, [work]) for it in points[1:]]
    record = Record(work)
    record.traces = {
        subject: own.traceparent
        for own, (_, subjects) in zip([work, *apart][:AT_ONCE_MAX], of, strict=False)
        for subject in subjects
    }
    recorded, error = RECORD.set(record), ""
    try:
        yield work
    except BaseException as broke:
        error = type(broke).__name__
        raise
    finally:
        RECORD.reset(recorded)
        for it in (*apart, work):
            it.end(error)


@contextmanager
def continued(
    tracer: Tracer | None,
    of: Iterable[tuple[str, Sequence[str]]],
    name: str,
    kind: Kind,
    attributes: Attributes,
) -> Iterator[None]:
    """Continue the traces of a batch that was handed over: `of` are their traceparents, each with the
    subjects it concerns. Without any, nothing is traced."""
    points = [(point, it) for sent, it in of if (point := tracer.point(sent))] if tracer else []
    if not points:
        yield
        return
    with batch(points, name, kind, attributes):
        yield


@contextmanager
def below(
    tracer: Tracer | None, traceparent: str | None, name: str, attributes: Attributes
) -> Iterator[Span | None]:
    """Trace a call to another system in the trace of a stored `traceparent`; None: it has none."""
    point = tracer.point(traceparent) if tracer else None
    if point is None:
        yield None
        return
    work = point.child(name, "client", attributes)
    try:
        with bound_contextvars(**work.ids):
            yield work
    except BaseException as broke:
        work.end(type(broke).__name__)
        raise
    work.end()


def sampled() -> Span | None:
    """The span of the request being handled, if it is sampled."""
    record = RECORD.get()
    return None if record is None else record.span


def with_trace_ids(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: adds trace ids to lines logged for a sampled request or batch.

    It looks them up per line. Binding them in advance would cost each sampled request 6 us, and most log
    nothing.
    """
    point = sampled()
    return event if point is None else {**point.ids, **event}


def shared_task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that many callers await: its log lines belong to no request, not even the one that started
    it."""
    return asyncio.create_task(work, context=Context())
