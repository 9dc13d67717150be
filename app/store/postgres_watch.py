"""Whether Postgres answers, as one process knows it without asking for each visitor."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from app.store.connections import POSTGRES_AWAY
from app.store.sql import server

EVERY_S = 0.5
ANSWER_S = 2.0
AWAY_AFTER_S = 3.0  # without an answer


class PostgresWatch:
    """One per process. It must be kept up to date by `keep`; until then Postgres is taken to be there."""

    def __init__(self, postgres: asyncpg.Pool) -> None:
        self._postgres = postgres
        self._answered_at = float("inf")
        self._refuses = False

    @property
    def away(self) -> bool:
        """Whether a claim could not be kept now."""
        return self._refuses or time.monotonic() - self._answered_at > AWAY_AFTER_S

    async def keep(self) -> None:
        """Ask again and again, for ever."""
        self._answered_at = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(ANSWER_S):
                    self._refuses = not await server.takes_writes(self._postgres)
                self._answered_at = time.monotonic()
            except TimeoutError:  # it may be busy; after a while it is away
                pass
            except POSTGRES_AWAY:
                self._refuses = True
            await asyncio.sleep(EVERY_S)
