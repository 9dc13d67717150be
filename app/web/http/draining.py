"""Graceful shutdown of a web process, so that no request fails.

First it is draining: `/readyz` is 503 and every response closes its connection, so that proxies send new
requests to other processes. Then it is closing: it accepts no connections, finishes the requests in flight
and ends the event streams in batches, so that their clients do not all reconnect at the same moment.
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

    closing: asyncio.Event  # set when no more connections are accepted
    grace_s: float  # after that
    started: asyncio.Event = field(default_factory=asyncio.Event)  # set by `start`
    headers: tuple[tuple[bytes, bytes], ...] = ()  # added to every response
    _began: float = 0.0
    _ended: int = 0

    def start(self) -> None:
        """Start draining."""
        self.headers = (CLOSE,)
        self.started.set()

    async def turn(self, streams: int = 1) -> None:
        """Wait until this many streams may end; half of the grace period at most."""
        now = time.monotonic()
        self._began = self._began or now
        turn_s = self._ended // STREAMS_AT_ONCE * EVERY_S
        self._ended += streams
        await asyncio.sleep(self._began + min(turn_s, self.grace_s / 2) - now)
