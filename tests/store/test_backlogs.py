"""Backlogs: which reservations are not settled, however long the streams are."""

from __future__ import annotations

import pytest

from app.store.redis import backlogs
from app.store.redis.backlogs import ENTRIES_AT_ONCE
from tests.support.builders import KEYS, Client

PAGE = ENTRIES_AT_ONCE


async def fill(redis: Client, batches: int, submissions: int) -> list[str]:
    """Add entries to both streams, two reservations per batch; return the reservations in order."""
    in_batches = [(f"b{it}", f"c{it}") for it in range(batches)]
    alone = [f"s{it}" for it in range(submissions)]
    pipeline = redis.pipeline(transaction=False)
    for pair in in_batches:
        pipeline.xadd(KEYS.batches, {"o": "2|gala", "b": "\n".join(map(line, pair))})
    for it in alone:
        pipeline.xadd(KEYS.submissions, {"s": line(it)})
    await pipeline.execute()
    return [*(it for pair in in_batches for it in pair), *alone]


def line(reservation_id: str) -> str:
    """A submission as it is in a stream."""
    return f"{reservation_id}|ann|print|web1|floor:2"


@pytest.mark.parametrize(
    ("batches", "submissions"),
    [(0, 0), (3, PAGE - 1), (PAGE - 1, PAGE), (PAGE, 3), (2 * PAGE, 0), (PAGE + 1, 2 * PAGE + 1)],
)
async def test_each_unsettled_reservation_is_found_once_however_many_there_are(
    redis: Client, batches: int, submissions: int
) -> None:
    expected = await fill(redis, batches, submissions)
    assert await backlogs.unsettled(redis, KEYS) == expected


async def test_a_reservation_at_the_end_of_a_long_stream_still_waits(redis: Client) -> None:
    expected = await fill(redis, PAGE + 1, PAGE + 1)
    asked = {"settled", expected[0], f"c{PAGE}", expected[-1]}
    assert await backlogs.waiting(redis, KEYS, asked) == asked - {"settled"}
