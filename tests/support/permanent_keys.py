"""Keys of a room that may live without a TTL; the leak checks allow only these suffixes."""

from __future__ import annotations

PERMANENT = frozenset(
    "conf meter arrivals part prequeue waiting called active turns ended endings removed buyers outflow "
    "throttle polls newcomers solved visitor_events log wanted networks stock holds allowance seats sitters "
    "codes submissions batches batched".split()
)
