"""Deadlines for each part of a request; together they bound the whole.

The stores' own deadlines are settings of the stores; those here bound clients, and us.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import Any

from app.core.errors import MalformedJson, StoreUnavailable
from app.store.spans import span

PAGE_TIMEOUT_S = 6.0  # three times the deadline of a store for one reply
CALL_TIMEOUT_S = 60.0  # for large calls of staff: 50,000 seats, a sale with all its types
BODY_RATE_MIN = 32 * 1024  # bytes a second, after the time allowed for a small body
RETRY_S = 2


class Waits:
    """Bounds many short waits with a single timer: one timer each costs more than most waits take.

    A wait is identified by its task, which is cancelled when the time is up.
    """

    def __init__(self) -> None:
        self._ends: dict[asyncio.Task[Any], float] = {}
        self._looks_at = inf
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any], timeout_s: float) -> float:
        """Start a wait of the task, for at most this long. Returns the current time of the loop's clock."""
        now = task.get_loop().time()
        self._ends[task] = ends = now + timeout_s
        if ends < self._looks_at:
            self._check_at(ends, task.get_loop())
        return now

    def end(self, task: asyncio.Task[Any]) -> bool:
        """End the wait; returns whether it was cancelled because its time was up."""
        return self._ends.pop(task) == inf and task.uncancel() == 0

    def _check_at(self, at: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at, self._timer = at, loop.call_at(at, self._check, loop) if at < inf else None

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, ends in self._ends.items():
            if ends <= now:
                self._ends[task] = inf  # reported by `end`
                task.cancel()
        self._check_at(min(self._ends.values(), default=inf), loop)


class BodyPace:
    """The deadline of one body: a limit for each piece, and for all of it a minimum speed.

    A sender that trickles bytes exceeds one or the other.
    """

    __slots__ = ("_limit", "_started", "_timeout_s")

    def __init__(self, limit: asyncio.Timeout, timeout_s: float, started: float) -> None:
        self._limit, self._timeout_s, self._started = limit, timeout_s, started

    def received(self, size: int) -> None:
        """Record how much of the body has arrived."""
        in_all = self._started + self._timeout_s + size / BODY_RATE_MIN
        self._limit.reschedule(min(asyncio.get_running_loop().time() + self._timeout_s, in_all))


@asynccontextmanager
async def body_paced(timeout_s: float) -> AsyncIterator[BodyPace]:
    """Apply the deadlines while a body is read. Raises MalformedJson if it stalls."""
    try:
        with span("body"):
            async with asyncio.timeout(timeout_s) as limit:
                yield BodyPace(limit, timeout_s, asyncio.get_running_loop().time())
    except TimeoutError:
        raise too_slow(timeout_s) from None


def too_slow(timeout_s: float) -> MalformedJson:
    """The refusal for a body that did not arrive in time."""
    return MalformedJson(
        f"The body did not arrive in time: it has {timeout_s:g} s, and more while data arrives."
    )


@asynccontextmanager
async def answered_within(seconds: float) -> AsyncIterator[None]:
    """Limit the time a response takes. Raises StoreUnavailable, because it is the stores that are slow."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        if time.monotonic() - started < seconds:
            raise  # from a shorter limit inside
        raise StoreUnavailable("This is taking too long right now.", RETRY_S) from None
