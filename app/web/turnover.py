"""How often one visitor, and one address, may take tickets, pay, extend and give back: token buckets.

Each cycle of holding and cancelling takes tickets out of others' reach for a while, and costs a commit. They
are counted in this process alone, so with several the limits are as many times as high: what they are to stop
is a machine, and the way of a reservation gets no round trip longer.
"""

from __future__ import annotations

import math
import time

from app.core.errors import RateLimited
from app.settings import Settings
from app.web.addresses import throttle_key

MEMBERS_MAX = 100_000
MINUTE_S = 60


class Bucket:
    """GCRA: of each member it is kept when its allowance will be whole again."""

    def __init__(self, policy: str, rate_per_minute: int, burst: int) -> None:
        self._policy, self._rate, self._burst = policy, rate_per_minute, burst
        self._step_s = MINUTE_S / rate_per_minute if rate_per_minute else 0.0
        self._whole_at: dict[str, float] = {}  # the longest unseen first

    def take(self, member: str) -> None:
        """Count a call. Raises RateLimited, and then it is not counted."""
        if not self._rate:
            return
        now = time.monotonic()
        whole_at = max(self._whole_at.pop(member, now), now)
        wait_s = whole_at + self._step_s * (1 - self._burst) - now
        limited = wait_s > 1e-6
        self._whole_at[member] = whole_at if limited else whole_at + self._step_s
        if len(self._whole_at) > MEMBERS_MAX:
            del self._whole_at[next(iter(self._whole_at))]
        if limited:
            raise RateLimited(math.ceil(wait_s), policy=self._policy, quota=self._rate, window_s=MINUTE_S)


class Turnover:
    """One per process."""

    def __init__(self, settings: Settings) -> None:
        on = settings.throttled
        self._visitors = Bucket(
            "reservations", settings.reserve_rate_per_visitor if on else 0, settings.reserve_burst_per_visitor
        )
        self._addresses = Bucket(
            "reservations-address",
            settings.reserve_rate_per_address if on else 0,
            settings.reserve_burst_per_address,
        )

    def count(self, client: str, who: str) -> None:
        """Count a call of a visitor, or of an account, from an address. Raises RateLimited."""
        if who:
            self._visitors.take(who)
        if client:
            self._addresses.take(throttle_key(client))
