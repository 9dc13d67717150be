"""Whether Postgres answers, as one process knows it without asking for each visitor."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import NamedTuple

import asyncpg

from app.store.connections import POSTGRES_AWAY
from app.store.sql import server

EVERY_S = 0.5
ANSWER_S = 2.0
SLOW_S = 0.5  # callers that wait longer may have given up
AWAY_AFTER_S = 3.0  # without an answer
OUTAGES_MAX = 20


class Outage(NamedTuple):
    """A time in which nobody could count on an answer, on the monotonic clock."""

    from_s: float  # when it was last asked what it answered in time
    until_s: float


class PostgresWatch:
    """One per process. `keep` must run; until it does, Postgres counts as available.

    An outage is noticed late, or only once it is over; it counts from the last answer before it.
    """

    def __init__(self, postgres: asyncpg.Pool) -> None:
        self._postgres = postgres
        self.answered_at = float("inf")  # asked then, it answered
        self.outages: deque[Outage] = deque(maxlen=OUTAGES_MAX)  # that are over, the latest last
        self._failed = False
        self._refuses = False

    @property
    def away(self) -> bool:
        """Whether a claim could not be stored now."""
        return self.is_away(time.monotonic())

    @property
    def silent_ms(self) -> int:
        """How long ago it was asked what it has answered."""
        return max(1, round(1000 * (time.monotonic() - self.answered_at)))

    async def keep(self) -> None:
        """Check again and again, forever."""
        self.answered_at = time.monotonic()
        while True:
            asked_at = time.monotonic()
            try:
                async with asyncio.timeout(ANSWER_S):
                    writes = await server.takes_writes(self._postgres)
            except TimeoutError:  # it may be busy; after a while it is away
                self.failed(refuses=False)
            except POSTGRES_AWAY:
                self.failed(refuses=True)
            else:
                if writes:
                    self.answered(asked_at, time.monotonic())
                else:
                    self.failed(refuses=True)
            await asyncio.sleep(EVERY_S)

    def is_away(self, now: float) -> bool:
        """The same at a moment of the monotonic clock."""
        return self._refuses or now - self.answered_at > AWAY_AFTER_S

    def answered(self, asked_at: float, now: float) -> None:
        """It takes writes."""
        if self._failed or now - asked_at > SLOW_S:
            self.outages.append(Outage(self.answered_at, now))
        self._failed, self._refuses, self.answered_at = False, False, asked_at

    def failed(self, *, refuses: bool) -> None:
        """It refused, or did not answer, which is no refusal yet."""
        self._failed, self._refuses = True, self._refuses or refuses
