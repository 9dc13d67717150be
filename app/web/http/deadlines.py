"""Deadlines for each part of a request; together they bound the whole.

What a store has for one answer is a setting of the stores; what is here bounds those who ask us, and us.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.core.errors import MalformedJson, StoreUnavailable
from app.store.spans import span

PAGE_TIMEOUT_S = 6.0  # three times what a store has for one answer
CALL_TIMEOUT_S = 60.0  # what staff ask for in one call: 50,000 seats, a sale with all its types
BODY_RATE_MIN = 32 * 1024  # bytes a second, once the time for a small body is over
RETRY_S = 2


class BodyPace:
    """The deadline of one body: so long for each piece, and for all of it as long as it comes fast enough.

    A sender of a byte now and then is slow at each piece or too slow in all.
    """

    __slots__ = ("_limit", "_started", "_timeout_s")

    def __init__(self, limit: asyncio.Timeout, timeout_s: float) -> None:
        self._limit, self._timeout_s, self._started = limit, timeout_s, asyncio.get_running_loop().time()

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
                yield BodyPace(limit, timeout_s)
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
