"""How many requests one address has in flight in this process: each holds a task and possibly a body.

Neither server has a hook for accepting connections, so this counts requests as they arrive. Requests from our
own proxies are not counted: those limit their clients themselves (`limit_conn` in deploy/nginx).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.errors import RateLimited
from app.web.http.client_ip import Network, is_trusted_proxy, throttle_key

AGAIN_S = 2
OURS_MAX = 1000


class InFlight:
    """One per process."""

    def __init__(self, most: int, trusted: tuple[Network, ...]) -> None:
        self._most = most  # 0: unlimited
        self._trusted = trusted
        self._ours: set[str] = set()  # proxies of ours seen so far: checking the networks takes longer
        self._open: dict[str, int] = {}

    def begin(self, peer: Sequence[Any] | None) -> str:
        """Count a request; returns the address it counts for, "" for none. Raises RateLimited."""
        if not self._most or not peer:
            return ""
        address: str = peer[0]
        if self._trusted and (address in self._ours or self._is_ours(address)):
            return ""
        if ":" in address:
            address = throttle_key(address)
        count = self._open.get(address, 0)
        if count >= self._most:
            raise RateLimited(AGAIN_S, policy="in-flight", quota=self._most, window_s=AGAIN_S)
        self._open[address] = count + 1
        return address

    def _is_ours(self, address: str) -> bool:
        if not is_trusted_proxy(address, self._trusted):
            return False
        if len(self._ours) < OURS_MAX:
            self._ours.add(address)
        return True

    def end(self, address: str) -> None:
        """Count the request as finished."""
        left = self._open[address] - 1
        if left:
            self._open[address] = left
        else:
            del self._open[address]
