"""Which keys of a room may live without a TTL; the leak checks allow these suffixes and no others."""

from __future__ import annotations

PERMANENT = frozenset(
    "conf meter arrivals part prequeue waiting called active turns ended endings removed buyers outflow "
    "throttle polls newcomers solved visitor_events log wanted networks stock holds allowance seats sitters "
    "codes submissions batches batched".split()
)
