"""The origin figure: the page's logic and the server's own `poll_after_s`, over a whole queue."""

from __future__ import annotations

import pytest

from load.fans.origin import TARGET_PER_MINUTE, measure


@pytest.mark.parametrize("rate_per_minute", [600, 1_200])
def test_a_line_asks_the_origin_less_than_every_other_minute_and_less_far_away(rate_per_minute: int) -> None:
    found = measure(fans=rate_per_minute * 17, rate_per_minute=rate_per_minute)
    assert found.fans == rate_per_minute * 17
    assert 0 < found.asks_per_minute < found.per_minute <= TARGET_PER_MINUTE, found
    assert found.falling, found
    assert found.good


def test_a_server_that_wants_to_be_asked_each_two_seconds_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.waiting_room.rules.ASK_MAX_S", 2)
    found = measure(fans=600, rate_per_minute=600)
    assert found.per_minute > 10
    assert not found.good


def test_nobody_waits_where_everybody_is_called_at_once() -> None:
    assert measure(fans=10, rate_per_minute=60_000).asks_per_minute == 0
