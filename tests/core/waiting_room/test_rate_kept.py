"""The configured rate compared with the calls made; expected values worked out by hand."""

from __future__ import annotations

from app.core.waiting_room.rate_kept import RateKept, rate_kept
from tests.core.monitoring.test_report import minute


def test_it_is_of_the_time_in_which_somebody_waited_in_the_open_room() -> None:
    steps = [
        minute(1, state="prequeue", admitted=0),
        minute(2, state="open", waiting=9, rate_per_minute=60, admitted=50),
        minute(3, state="open", waiting=9, rate_per_minute=120, admitted=150),
        minute(4, state="open", waiting=0, rate_per_minute=120, admitted=153),  # nobody was waiting
        minute(5, state="paused", waiting=9, rate_per_minute=120, admitted=160),  # initially open
        minute(6, state="paused", waiting=9, rate_per_minute=120, admitted=160),
        minute(9, state="open", waiting=9, rate_per_minute=120, admitted=400),  # after a gap
        minute(10, 30, state="open", waiting=9, rate_per_minute=120, admitted=60),  # Redis was lost
    ]
    # 60, 120, 120 and half of 120 in 3.5 minutes; called 50, 100, 7 and 60
    assert rate_kept(steps, 60) == RateKept(103, 62, 120, 120, 4)
    assert rate_kept(steps[:1], 60) is None
    assert rate_kept([], 60) is None
