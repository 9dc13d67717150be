"""Numbers that the Lua scripts go by; a script names them in its header, and the loader hands them over.

What is only of one script stands there.
"""

from __future__ import annotations

from app.core.lanes import LANE_BAND
from app.core.newcomers import NEWCOMERS_WINDOW_S
from app.core.proof_of_work import WORK_TIMES_MAX, WORK_TTL_S
from app.core.visitor_ids import MEMBER_ID_CHARS, NETWORK_CHARS, SUSPECT_ID_CHARS, VISITOR_ID_CHARS
from app.core.wait_estimate import CLAIMS_SOON_MS

HOUR_MS = 3_600_000
HEAD = 17  # values of `include/room_now.lua`'s head
VISITOR_EVENTS_MAX = 100_000  # of a room, that no worker has handed on yet: 10 MB
LOG_PENDING_MAX = 250_000  # noted for a room's public log and not written there yet: 15 MB
ENDINGS_OVERLAP_MS = 2_000  # read again: a clock may be set back a little

CONSTANTS: dict[str, int] = {
    "MINUTE_MS": 60_000,
    "TOKEN": 60_000,  # one admission in the bucket, to which each ms adds the rate a minute: no remainders
    "VISITOR_EVENTS_MAX": VISITOR_EVENTS_MAX,
    "LOG_PENDING_MAX": LOG_PENDING_MAX,
    "ENDINGS_TOLD_MS": HOUR_MS,  # how a place ended; then Postgres is asked
    "ENDINGS_OVERLAP_MS": ENDINGS_OVERLAP_MS,
    "OUTCOMES_KEPT_S": 2 * 86_400,  # there is a hash a day: an outcome is known for 24 to 48 hours
    "EARLY_ENDS_KEPT_MS": 86_400_000,  # as long as a session lasts at most, and so a pass of it
    "LEFT_ALONE_MS": HOUR_MS,  # what is kept of sessions and throttles that nobody has used for so long goes
    "RESTORE_WINDOW_MAX_MS": 360_000,  # longer than any: then the clock was set back
    "CLAIMS_SOON_MS": CLAIMS_SOON_MS,
    "NOTICED_SOON_MS": 3_000,  # that a store is back, by pages that ask again ever more seldom
    "NOTICED_WITHIN_MS": 10_000,
    "STOOD_LONG_MS": 3_000,  # less of a session's time is not worth another end of it
    "UNWATCHED_MS": 3_000,  # without a tick of any worker while somebody is called
    "HEAD": HEAD,
    "VISITOR_ID_CHARS": VISITOR_ID_CHARS,
    "MEMBER_ID_CHARS": MEMBER_ID_CHARS,
    "SUSPECT_ID_CHARS": SUSPECT_ID_CHARS,
    "NETWORK_CHARS": NETWORK_CHARS,
    "NEWCOMERS_MIN": NEWCOMERS_WINDOW_S // 60,
    "NEWCOMERS_USUAL": 10,  # of an address in that time, where staff set no number: more make work harder
    "WORK_TIMES_MAX": WORK_TIMES_MAX,
    "WORK_TTL_MS": WORK_TTL_S * 1000,
    "SOLVED_MAX": 1_000_000,  # of a room: 120 MB
    "LANE_BAND": LANE_BAND,
    "BATCH": 1_000,  # values of one command: longer ones cost more than they save
}
