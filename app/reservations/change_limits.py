"""How often one visitor, and one network, may take tickets, pay, extend and give back.

Each cycle of holding and cancelling takes tickets out of others' reach for a while, and costs a commit. The
scripts count, with token buckets in Redis (`include/turnover.lua`), so that any number of processes allow no
more than one does.
"""

from __future__ import annotations

import math

from app.core.errors import RateLimited
from app.settings import Settings
from app.store.scripts.stock import NO_LIMITS, Limits

WINDOW_S = 60


def limits_of(settings: Settings) -> Limits:
    """The limits as the scripts take them."""
    if not settings.rate_limits:
        return NO_LIMITS
    return Limits(
        settings.reserve_rate_per_visitor,
        settings.reserve_burst_per_visitor,
        settings.reserve_rate_per_address,
        settings.reserve_burst_per_address,
    )


def refusal(limits: Limits, detail: str) -> RateLimited:
    """The refusal for the limit that a script names in `detail`."""
    which, _, wait_ms = detail.partition(":")
    policy, quota = "reservations", limits.visitor_rate
    if which == "network":
        policy, quota = "reservations-address", limits.network_rate
    return RateLimited(math.ceil(int(wait_ms) / 1000), policy=policy, quota=quota, window_s=WINDOW_S)
