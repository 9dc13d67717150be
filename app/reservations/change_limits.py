"""How often one visitor, and one network, may reserve, pay, extend and cancel.

Each cycle of holding and cancelling puts tickets out of reach of others for a while, and costs a commit. The
scripts count with token buckets in Redis (`include/turnover.lua`), so that the limits are the same for any
number of processes.
"""

from __future__ import annotations

import math

from app.core.errors import RateLimited
from app.settings import Settings
from app.store.scripts.stock import NO_LIMITS, Limits

WINDOW_S = 60


def limits_of(settings: Settings) -> Limits:
    """The limits in the form the scripts take."""
    if not settings.rate_limits:
        return NO_LIMITS
    return Limits(
        settings.reserve_rate_per_visitor,
        settings.reserve_burst_per_visitor,
        settings.reserve_rate_per_address,
        settings.reserve_burst_per_address,
    )


def refusal(limits: Limits, detail: str) -> RateLimited:
    """Build the refusal for the limit that a script names in `detail`."""
    which, _, wait_ms = detail.partition(":")
    policy, quota = "reservations", limits.visitor_rate
    if which == "network":
        policy, quota = "reservations-address", limits.network_rate
    return RateLimited(math.ceil(int(wait_ms) / 1000), policy=policy, quota=quota, window_s=WINDOW_S)
