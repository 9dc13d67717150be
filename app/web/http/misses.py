"""How often one address may ask for rooms and events that do not exist: each time costs a look-up.

Counted are misses alone, and whoever is over the limit is refused what this process has not found lately, so
fans who share the address of somebody who guesses names go on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from app.core.errors import EventNotFound, RateLimited, RoomNotFound
from app.web.http.client_ip import throttle_key

PER_S = 1
BURST = 100
ADDRESSES_MAX = FOUND_MAX = 10_000
NAMED = ("room_id", "event_id")
MISSES = (RoomNotFound, EventNotFound)


class Misses:
    """One per process."""

    def __init__(self, *, limited: bool) -> None:
        self._limited = limited
        self._until: dict[str, float] = {}  # address -> its theoretical arrival time (GCRA); the oldest first
        self._over: set[str] = set()
        self._found: set[str] = set()  # ids, since somebody is over the limit

    @property
    def guessed(self) -> bool:
        """Whether anybody is over the limit; if not, nothing else need be asked."""
        return bool(self._over)

    def note(self, client: str) -> None:
        """Somebody asked for what is not there."""
        if not self._limited or not client:
            return
        address, now = throttle_key(client), time.monotonic()
        until = max(now, self._until.pop(address, now)) + 1 / PER_S
        while len(self._until) >= ADDRESSES_MAX:
            oldest = next(iter(self._until))
            del self._until[oldest]
            self._over.discard(oldest)
        self._until[address] = until
        if until - now > BURST / PER_S:
            self._over.add(address)

    def check(self, client: str, params: Mapping[str, str]) -> None:
        """Raises RateLimited for what is not known to be there, if this address is over the limit."""
        address = throttle_key(client)
        if address not in self._over:
            return
        ids = {params[name] for name in NAMED if name in params}
        if not ids or ids <= self._found:
            return
        over_s = self._until[address] - time.monotonic() - BURST / PER_S
        if over_s > 0:
            raise RateLimited(int(over_s) + 1, policy="unknown-names", quota=BURST, window_s=BURST // PER_S)
        self._over.discard(address)
        if not self._over:
            self._found.clear()

    def found(self, params: Mapping[str, str]) -> None:
        """What these name is there."""
        if len(self._found) >= FOUND_MAX:
            self._found.clear()
        self._found.update(params[name] for name in NAMED if name in params)
