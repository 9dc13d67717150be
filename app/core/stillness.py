"""Whether a queue stands still: people wait, nobody has been called for a while, and nothing says why.

`admit.lua` notes until when there is a reason (`RoomStatus.moved_ms`): somebody was called, nobody waited, or
the room was paused, not open, out of tickets or at rate 0. Without a worker nobody notes anything, so that is
a standstill, too. A low rate is none: calls that are a minute apart are waited for.
"""

from __future__ import annotations

from app.core.model import RoomStatus
from app.core.wait_estimate import longest_s

STILL_MS = 40_000  # never shorter: stores fail over, workers are restarted
INTERVALS = 3  # or as many times as long as the next call is expected to take
MINUTE_MS = 60_000  # but whoever read "under a minute" does not read it again after one without movement
STEP_S, STEPS_UNTIL_S = 10, 120  # shown in steps, so that the figure is calm


def still_since_ms(status: RoomStatus, rate_per_minute: int, least_ms: int = STILL_MS) -> int:
    """Since when the queue has stood still; 0: it moves, or it is known why it does not.

    `least_ms`: a shorter standstill is none.
    """
    if status.state != "open" or not status.waiting or not rate_per_minute or not status.moved_ms:
        return 0
    if status.blocked not in ("", "cap"):
        return 0
    between_s = max(60 / rate_per_minute, status.pace.first_s if status.pace else 0.0)
    promised_ms = MINUTE_MS if longest_s(between_s) * 1000 < MINUTE_MS else INTERVALS * between_s * 1000
    longest_ms = max(least_ms, min(promised_ms, round(INTERVALS * between_s * 1000)))
    return status.moved_ms if status.now_ms - status.moved_ms >= longest_ms else 0


def shown_s(still_s: int) -> int:
    """For how long it has stood still, as it is shown: in steps of ten seconds for the first two minutes."""
    return still_s // STEP_S * STEP_S if still_s < STEPS_UNTIL_S else still_s
