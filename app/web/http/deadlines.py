"""Deadlines for each part of a request; together they bound the whole.

What a store has for one answer is a setting of the stores; what is here bounds those who ask us, and us.
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

PAGE_TIMEOUT_S = 6.0  # three times what a store has for one answer
CALL_TIMEOUT_S = 60.0  # what staff ask for in one call: 50,000 seats, a sale with all its types
BODY_RATE_MIN = 32 * 1024  # bytes a second, once the time for a small body is over
RETRY_S = 2


class Waits:
    """Bounds many short waits by one timer: a timer for each costs more than most of them take.

    A wait is known by the task that waits, which is cancelled when its time has run out.
    """

    def __init__(self) -> None:
        self._ends: dict[asyncio.Task[Any], float] = {}
        self._looks_at = inf
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any], timeout_s: float) -> float:
        """The task begins to wait, for so long at most. Returns now, by the loop's clock."""
        now = task.get_loop().time()
        self._ends[task] = ends = now + timeout_s
        if ends < self._looks_at:
            self._look_at(ends, task.get_loop())
        return now

    def end(self, task: asyncio.Task[Any]) -> bool:
        """It waits no more; whether its time had run out, in which case it was cancelled for that."""
        return self._ends.pop(task) == inf and task.uncancel() == 0

    def _look_at(self, at: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at, self._timer = at, loop.call_at(at, self._look, loop) if at < inf else None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, ends in self._ends.items():
            if ends <= now:
                self._ends[task] = inf  # it is told by `end`
                task.cancel()
        self._look_at(min(self._ends.values(), default=inf), loop)


class BodyPace:
    """The deadline of one body: so long for each piece, and for all of it as long as it comes fast enough.

    A sender of a byte now and then is slow at each piece or too slow in all.
    """

    __slots__ = ("_limit", "_started", "_timeout_s")

    def __init__(self, limit: asyncio.Timeout, timeout_s: float, started: float) -> None:
        self._limit, self._timeout_s, self._started = limit, timeout_s, started

    def came(self, size: int) -> None:
        """Record how much of the body has arrived."""
        in_all = self._started + self._timeout_s + size / BODY_RATE_MIN
        self._limit.reschedule(min(asyncio.get_running_loop().time() + self._timeout_s, in_all))


@asynccontextmanager
async def body_paced(timeout_s: float) -> AsyncIterator[BodyPace]:
    """Apply the deadlines while a body is read. Raises MalformedJson when it stalls."""
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
    """Bound how long an answer takes. Raises StoreUnavailable: it is the stores that are slow."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        if time.monotonic() - started < seconds:
            raise  # a shorter wait inside
        raise StoreUnavailable("This is taking too long right now.", RETRY_S) from None
