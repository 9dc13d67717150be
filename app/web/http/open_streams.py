"""Limits the event streams that one address has open in this process, because each costs memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.core.errors import RateLimited
from app.web.http.client_ip import throttle_key

AGAIN_S = 10


class OpenStreams:
    """One per process. A refused page polls the document instead."""

    def __init__(self, most: int) -> None:
        self._most = most  # 0: unlimited
        self._open: dict[str, int] = {}

    @contextmanager
    def one_more(self, client: str) -> Iterator[None]:
        """Count a stream while it is open. Raises RateLimited before it opens."""
        if not self._most or not client:
            yield
            return
        address = throttle_key(client)
        count = self._open.get(address, 0)
        if count >= self._most:
            raise RateLimited(AGAIN_S, policy="streams", quota=self._most, window_s=AGAIN_S)
        self._open[address] = count + 1
        try:
            yield
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
