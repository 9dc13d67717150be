"""How a web process leaves without a request that fails: what it tells proxies and readers of streams.

It is asked to end: `/readyz` says so, and answers close their connections, so that proxies send new requests
elsewhere. Then it closes: nothing new is accepted, requests under way are finished, and streams end, some at
once, so that their readers do not all come to the other processes in the same moment.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

STREAMS_AT_ONCE = 100
EVERY_S = 0.05
CLOSE = (b"connection", b"close")


@dataclass(slots=True)
class Draining:
    """One per process."""

    closing: asyncio.Event  # set when nothing new is accepted
    grace_s: float  # from then on
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # set by `ask`
    headers: tuple[tuple[bytes, bytes], ...] = ()  # of every answer
    _began: float = 0.0
    _ended: int = 0

    def ask(self) -> None:
        """The process is asked to end."""
        self.headers = (CLOSE,)
        self.asked.set()

    async def turn(self, streams: int = 1) -> None:
        """Wait until so many streams may end: half of the grace at most."""
        now = time.monotonic()
        self._began = self._began or now
        turn_s = self._ended // STREAMS_AT_ONCE * EVERY_S
        self._ended += streams
        await asyncio.sleep(self._began + min(turn_s, self.grace_s / 2) - now)
