"""Whether Postgres answers, as known to one process without a query per visitor."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from app.store.answer_log import AnswerLog
from app.store.connections import POSTGRES_AWAY
from app.store.sql.monitoring import server

EVERY_S = 0.5
ANSWER_S = 2.0
AWAY_AFTER_S = 3.0  # without an answer


class PostgresWatch:
    """One per process. `run` must run; until it does, Postgres counts as available."""

    def __init__(self, postgres: asyncpg.Pool) -> None:
        self._postgres = postgres
        self.log = AnswerLog()
        self.outages = 0  # past ones
        self._failed = self._refuses = False

    @property
    def away(self) -> bool:
        """Whether a claim could not be stored now."""
        return self.is_away(time.monotonic())

    @property
    def silent_ms(self) -> int:
        """How long ago the last answered query was sent."""
        return max(1, round(1000 * (time.monotonic() - self.log.answered_at)))

    async def run(self) -> None:
        """Check forever, at intervals."""
        self.log.answered_at = time.monotonic()
        while True:
            sent_at = time.monotonic()
            try:
                async with asyncio.timeout(ANSWER_S):
                    writes = await server.takes_writes(self._postgres)
            except TimeoutError:  # it may just be busy; after a while it counts as unavailable
                self.failed(refuses=False)
            except POSTGRES_AWAY:
                self.failed(refuses=True)
            else:
                if writes:
                    self.answered(sent_at, time.monotonic())
                else:
                    self.failed(refuses=True)
            await asyncio.sleep(EVERY_S)

    def is_away(self, now: float) -> bool:
        """Whether it counts as unavailable at this time of the monotonic clock."""
        return self._refuses or now - self.log.answered_at > AWAY_AFTER_S

    def answered(self, sent_at: float, now: float) -> None:
        """Record that it accepts writes."""
        self.outages += self._failed
        self._failed = self._refuses = False
        self.log.answered(sent_at, now)

    def failed(self, *, refuses: bool) -> None:
        """Record that it refused, or did not answer, which is not a refusal yet."""
        self._failed, self._refuses = True, self._refuses or refuses
        self.log.failed()
