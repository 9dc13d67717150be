"""Pauses and back-off for loops and jobs, cut short when the worker stops."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

import structlog

from app import metrics
from app.store.connections import STORE_AWAY

log = structlog.get_logger(__name__)

T = TypeVar("T")

FIRST_S = 0.05
LONGEST_S = 1.0  # a recovered store is noticed within this time
BUDGET_S = 20.0  # for one run of a job


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait, but return at once when the worker is asked to stop."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # not `wait_for`, which starts a task
            await stopping.wait()


def in_time(things: Sequence[T], budget_s: float = BUDGET_S) -> Iterator[T]:
    """Yield these items while time is left, in random order, so that none is always left out."""
    until = time.monotonic() + budget_s
    for thing in random.sample(things, len(things)):
        if time.monotonic() >= until:
            return
        yield thing


class Backoff:
    """Delays that double from 50 ms to 1 s while failures last."""

    def __init__(self) -> None:
        self._seconds = 0.0

    @property
    def first(self) -> bool:
        """Whether there has been no failure since the last success."""
        return self._seconds == 0.0

    def next(self) -> float:
        """The next delay."""
        self._seconds = min(max(self._seconds * 2, FIRST_S), LONGEST_S)
        return self._seconds

    def reset(self) -> None:
        """Reset after success."""
        self._seconds = 0.0


async def repeat(
    stopping: asyncio.Event, name: str, work: Callable[[], Awaitable[bool]], every_s: float
) -> None:
    """Call `work` repeatedly until the worker stops, without a pause while it returns True: there is more to
    do.

    While a store is unavailable it is retried at least every second, and that is logged once.
    """
    backoff = Backoff()
    while not stopping.is_set():
        try:
            more = await work()
            backoff.reset()
        except STORE_AWAY as error:
            metrics.STORE_FAILURES.labels("worker").inc()
            if backoff.first:
                log.warning("a store is unavailable", job=name, why=repr(error))
            await pause(stopping, backoff.next())
            continue
        if not more:
            await pause(stopping, every_s)
