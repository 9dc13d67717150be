"""Limits requests by one address for rooms and events that do not exist, because each costs a look-up.

Only misses count, and above the limit only things this process has not found lately are refused, so that fans
who share an address with somebody guessing names are not affected.
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
        self._until: dict[str, float] = {}  # address -> its theoretical arrival time (GCRA); oldest first
        self._over: set[str] = set()
        self._found: set[str] = set()  # ids found since somebody exceeded the limit

    @property
    def guessed(self) -> bool:
        """Whether anybody exceeds the limit; if not, no other check is needed."""
        return bool(self._over)

    def note(self, client: str) -> None:
        """Count a request for something that does not exist."""
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
        """Raise RateLimited for things not known to exist, if this address exceeds the limit."""
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

    def note_found(self, params: Mapping[str, str]) -> None:
        """Record that these exist."""
        if len(self._found) >= FOUND_MAX:
            self._found.clear()
        self._found.update(params[name] for name in NAMED if name in params)
