"""Whether a queue is stalled: people wait, nobody has been called for a while, and there is no reason for it.

`admit.lua` records until when there was a reason (`RoomStatus.moved_ms`): somebody was called, nobody waited,
or the room was paused, not open, out of tickets or at rate 0. Without a worker nothing is recorded, so that
counts as a stall, too. A low rate does not: calls that are a minute apart are waited for.
"""

from __future__ import annotations

from app.core.model import RoomStatus
from app.core.waiting_room.wait_estimate import longest_s

STILL_MS = 40_000  # never sooner: stores fail over, workers are restarted
INTERVALS = 3  # or this many times the expected interval between calls
# a page that showed "under a minute" must not show it again after a minute without movement
MINUTE_MS = 60_000
STEP_S, STEPS_UNTIL_S = 10, 120  # shown in steps, so that the figure does not flicker


def still_since_ms(status: RoomStatus, rate_per_minute: int, least_ms: int = STILL_MS) -> int:
    """Since when the queue has been stalled; 0: it moves, or the reason why not is known.

    `least_ms`: shorter stalls do not count.
    """
    if status.state != "open" or not status.waiting or not rate_per_minute or not status.moved_ms:
        return 0
    if status.blocked not in ("", "cap"):
        return 0
    between_s = max(60 / rate_per_minute, status.pace.first_s if status.pace else 0.0)
    promised_ms = MINUTE_MS if longest_s(between_s) * 1000 < MINUTE_MS else INTERVALS * between_s * 1000
    longest_ms = max(least_ms, min(promised_ms, round(INTERVALS * between_s * 1000)))
    return status.moved_ms if status.now_ms - status.moved_ms >= longest_ms else 0


def shown_stall_s(still_s: int) -> int:
    """The length of a stall as shown: in steps of ten seconds for the first two minutes."""
    return still_s // STEP_S * STEP_S if still_s < STEPS_UNTIL_S else still_s
