"""What a worker reports to a room about outages of the stores, so that no outage costs a called visitor their
turn.

An outage is noticed late, or only after it is over: a tick may be among the first things Redis does when it
resumes. So the room learns until when both stores are known to have answered, and no call ends later than
that.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.script_constants import CONSTANTS
from app.store.answer_log import SLOW_S, AnswerLog
from app.store.scripts.admission import OutageReport

UNWATCHED_S = CONSTANTS["UNWATCHED_MS"] / 1000


class OutageReports:
    """One worker's view of the stores for one room, whose server has its own clock. Times are monotonic."""

    def __init__(self, stores: Sequence[AnswerLog]) -> None:
        self._stores = stores
        self._answered_at = 0.0  # when the room's server last answered
        self._now_ms = 0  # and the time on its clock
        self._failed = False
        self._own_outage: tuple[int, int] | None = None  # of this server, not reported yet; ms
        self._reported_until = 0.0  # up to when outages of the stores were reported
        self._reporting_until = 0.0

    def next_report(self, now: float, *, away: bool) -> OutageReport:
        """Return the input of the next tick; `away` says whether Postgres is unavailable now."""
        if not self._now_ms:
            return self._first_report(now)
        self._reporting_until = now
        answered_at = min(now, *(it.answered_at for it in self._stores))
        sure_ms = min(self._now_ms, self._in_redis(answered_at))
        if away:
            return OutageReport(sure_ms, sure_ms)
        over = [it for log in self._stores for it in log.outages if it.until_s > self._reported_until]
        spans = [(self._in_redis(it.from_s), self._in_redis(it.until_s)) for it in over]
        if self._own_outage:
            spans.append(self._own_outage)
        if not spans:
            return OutageReport(sure_ms)
        return OutageReport(sure_ms, min(it[0] for it in spans), max(it[1] for it in spans))

    def _first_report(self, now: float) -> OutageReport:
        """Report an outage that may be unreported, relative to now, since the time on Redis' clock is not
        known yet.

        Redis itself knows of earlier gaps from the missing ticks.
        """
        self._reported_until = now - UNWATCHED_S
        over = [it for log in self._stores for it in log.outages if it.until_s > self._reported_until]
        self._reporting_until = now
        if not over:
            return OutageReport(sure_ms=-1)
        from_s = min(it.from_s for it in over) - SLOW_S  # a tick may take this long
        return OutageReport(
            -1, round(1000 * (from_s - now)), round(1000 * (max(it.until_s for it in over) - now))
        )

    def failed(self) -> None:
        """Record an unanswered tick."""
        self._failed = True

    def answered(self, sent_at: float, now: float, now_ms: int, *, away: bool) -> None:
        """Record an answered tick and when it was sent; `away` as it was passed to `next_report`."""
        late = self._failed or now - sent_at > SLOW_S
        if not away:
            self._reported_until, self._own_outage = self._reporting_until, None
        if late and self._now_ms:
            self._own_outage = self._now_ms, now_ms
        self._failed, self._answered_at, self._now_ms = False, now, now_ms

    def _in_redis(self, at: float) -> int:
        return round(self._now_ms + 1000 * (at - self._answered_at))
