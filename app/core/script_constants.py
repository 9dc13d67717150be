"""Constants of the Lua scripts; a script names them in its header, and the loader passes them in.

Constants of a single script are defined there.
"""

from __future__ import annotations

from app.core.lanes import LANE_BAND
from app.core.tokens.proof_of_work import WORK_TIMES_MAX, WORK_TTL_S
from app.core.visitor_ids import MEMBER_ID_CHARS, NETWORK_CHARS, SUSPECT_ID_CHARS, VISITOR_ID_CHARS
from app.core.waiting_room.newcomers import NEWCOMERS_WINDOW_S
from app.core.waiting_room.wait_estimate import CLAIMS_SOON_MS

HOUR_MS = 3_600_000
HEAD = 17  # number of values in the head of `include/room_now.lua`
VISITOR_EVENTS_MAX = 100_000  # events per room not yet passed on by a worker: 10 MB
LOG_PENDING_MAX = 250_000  # entries per room not yet written to its public log: 15 MB
ENDINGS_OVERLAP_MS = 2_000  # read again, in case a clock was set back a little

CONSTANTS: dict[str, int] = {
    "MINUTE_MS": 60_000,
    # one call in the bucket; each ms adds the rate per minute to it, so there are no remainders
    "TOKEN": 60_000,
    "VISITOR_EVENTS_MAX": VISITOR_EVENTS_MAX,
    "LOG_PENDING_MAX": LOG_PENDING_MAX,
    "ENDINGS_TOLD_MS": HOUR_MS,  # how long the end of a place is reported; afterwards Postgres is asked
    "ENDINGS_OVERLAP_MS": ENDINGS_OVERLAP_MS,
    "OUTCOMES_KEPT_S": 2 * 86_400,  # one hash per day: an outcome is kept for 24 to 48 hours
    "EARLY_ENDS_KEPT_MS": 86_400_000,  # the maximum length of a session, and so of its passes
    "LEFT_ALONE_MS": HOUR_MS,  # sessions and throttles unused for this long are deleted
    "RESTORE_WINDOW_MAX_MS": 360_000,  # longer than any; a longer one means that the clock was set back
    "CLAIMS_SOON_MS": CLAIMS_SOON_MS,
    "NOTICED_SOON_MS": 3_000,  # until pages that poll ever less often notice that a store is back
    "NOTICED_WITHIN_MS": 10_000,
    "STOOD_LONG_MS": 3_000,  # session time shorter than this is not worth extending
    "UNWATCHED_MS": 3_000,  # no worker ticked for this long while somebody was called
    "HEAD": HEAD,
    "VISITOR_ID_CHARS": VISITOR_ID_CHARS,
    "MEMBER_ID_CHARS": MEMBER_ID_CHARS,
    "SUSPECT_ID_CHARS": SUSPECT_ID_CHARS,
    "NETWORK_CHARS": NETWORK_CHARS,
    "NEWCOMERS_MIN": NEWCOMERS_WINDOW_S // 60,
    # per address and window, if staff set no number: beyond it the proof of work gets harder
    "NEWCOMERS_USUAL": 10,
    "WORK_TIMES_MAX": WORK_TIMES_MAX,
    "WORK_TTL_MS": WORK_TTL_S * 1000,
    "SOLVED_MAX": 1_000_000,  # per room: 120 MB
    "LANE_BAND": LANE_BAND,
    "ROUND_MS": 500,  # of numbers, in a room in parts: no shorter unless a part runs out of them
    "ROUND_MIN": 8,  # numbers per part
    "ROUND_MAX": 20_000,
    "BATCH": 1_000,  # values per command: longer ones cost more than they save
}
