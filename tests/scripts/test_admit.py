"""admit.lua: the tick. The result depends on elapsed time, so the number of ticks does not matter."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core import clock
from app.core.clock import from_ms
from app.core.model import Place
from app.store.scripts import admission, room
from app.store.scripts.room import NotLoaded
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor, change_room, join_record, stock
from tests.support.queue_steps import claim, crowd, join, states, states_of, tick
from tests.support.waiting import PATIENCE_S


async def a_line(redis: Client, size: int, now_ms: int = NOW, **settings: Any) -> list[str]:
    """A crowd waiting in an open room with an empty bucket and nobody called."""
    await a_room(redis, "paused", now_ms=now_ms, **settings)
    visitors = await crowd(redis, size, now_ms=now_ms)
    await redis.hset(KEYS.meter, "level", 0)
    await change_room(redis, 5, now_ms=now_ms, **settings)
    return [*visitors]


async def test_the_line_is_called_in_order_at_the_rate(redis: Client) -> None:
    visitors = await a_line(redis, 10, admission_rate_per_minute=240)
    assert (await tick(redis, NOW)).calls == 0
    found = await tick(redis, NOW + 1_000)
    assert (found.calls, found.status.serving_position, found.status.called) == (4, 4, 4)
    assert await states(redis, *visitors, now_ms=NOW + 1_000) == ["called"] * 4 + ["waiting"] * 6


async def test_a_long_line_is_called_in_one_tick_each_with_their_number(redis: Client) -> None:
    """More than the script writes with a single command."""
    visitors = await a_line(redis, 130, admission_rate_per_minute=60_000, active_visitors_max=None)
    found = await tick(redis, NOW + 1_000)
    assert (found.calls, found.status.waiting, found.status.called) == (130, 0, 130)
    assert await redis.hgetall(KEYS.turns) == {who: str(number) for number, who in enumerate(visitors, 1)}
    assert set(await redis.zrange(KEYS.called, 0, -1)) == set(visitors)


async def test_the_opening_fills_the_bucket_to_the_burst(redis: Client) -> None:
    await a_room(redis, "prequeue", admission_rate_per_minute=60, burst=3)
    await crowd(redis, 10)
    await change_room(redis, 3, admission_rate_per_minute=60, burst=3)
    assert (await tick(redis)).calls == 3
    assert (await tick(redis, NOW + 60_000)).calls == 3


async def test_the_next_time_staff_set_is_told(redis: Client) -> None:
    begins, opens, closes = (from_ms(NOW + 1_000 * after_s) for after_s in (5, 9, 20))
    await a_room(redis, "scheduled", prequeue_at=begins, opens_at=opens, closes_at=closes)
    for after_s, state, due_in_ms in (
        (0, "scheduled", 5_000),
        (4.999, "scheduled", 1),
        (5, "prequeue", 4_000),
        (9, "open", 11_000),
        (20, "closed", None),
    ):
        found = await tick(redis, NOW + int(1_000 * after_s))
        assert (found.status.state, found.due_in_ms) == (state, due_in_ms)


async def test_a_burst_is_never_less_than_a_second_of_the_rate(redis: Client) -> None:
    await a_line(redis, 100, admission_rate_per_minute=1_200, burst=1)
    assert (await tick(redis, NOW + 60_000)).calls == 20


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rate=st.integers(1, 5_000),
    steps=st.lists(st.integers(0, 900), min_size=1, max_size=40),
)
async def test_irregular_ticks_neither_lose_nor_double_an_admission(
    redis: Client, rate: int, steps: list[int]
) -> None:
    """As long as the bucket never overflows, the calls so far are exactly the whole tokens earned so far."""
    await redis.flushall()
    await a_line(redis, 0, admission_rate_per_minute=rate, burst=1_000)
    await redis.zadd(KEYS.waiting, {f"v{n}": n for n in range(1, 3_200)})
    elapsed, calls = 0, 0
    for step in steps:
        elapsed += step
        calls += (await tick(redis, NOW + elapsed)).calls
        assert calls == elapsed * rate // 60_000


async def test_any_number_of_workers_together_never_call_one_too_many(redis: Client) -> None:
    rate, began_ms = 30_000, clock.now_ms()
    await a_line(redis, 2_000, began_ms, admission_rate_per_minute=rate, burst=1)

    moments = [began_ms]

    async def worker() -> None:
        while clock.now_ms() < began_ms + 800:
            moments.append((await admission.admit(redis, KEYS, limit=2_000)).status.now_ms)

    await asyncio.gather(*(worker() for _ in range(8)))
    ended = await room.status(redis, KEYS)
    moments.sort()
    # The bucket holds one second of the rate; if a machine freezes for longer, the rest is lost.
    due = sum(min(now - before, 1_000) for before, now in pairwise(moments)) * rate // 60_000
    assert due - 1 <= ended.called <= due
    assert ended.called + ended.waiting == 2_000


async def test_joins_and_ticks_at_once_keep_to_the_bucket_and_the_cap(redis: Client) -> None:
    await a_room(redis, now_ms=clock.now_ms(), admission_rate_per_minute=60_000_000, active_visitors_max=100)

    async def visitors() -> None:
        for _ in range(20):
            records = [join_record(a_visitor()) for _ in range(10)]
            await room.join(redis, KEYS, records, rate=0, burst=1)

    async def worker() -> None:
        for _ in range(40):
            found = await admission.admit(redis, KEYS, limit=2_000)
            assert found.status.called + found.status.active <= 100

    await asyncio.gather(*(visitors() for _ in range(4)), *(worker() for _ in range(4)))
    found = await admission.admit(redis, KEYS, limit=2_000)
    assert (found.status.called, found.status.waiting) == (100, 700)


async def test_the_cap_counts_called_and_active_and_a_slot_that_frees_is_used(redis: Client) -> None:
    await a_line(redis, 5, active_visitors_max=2, admission_rate_per_minute=60_000)
    assert (await tick(redis, NOW + 1_000)).calls == 2
    assert (await tick(redis, NOW + 2_000)).calls == 0
    await change_room(redis, 6, active_visitors_max=3, admission_rate_per_minute=60_000, now_ms=NOW + 2_000)
    assert (await tick(redis, NOW + 2_000)).calls == 1


async def test_the_token_of_a_no_show_is_given_back(redis: Client) -> None:
    visitors = await a_line(redis, 4, admission_rate_per_minute=1, burst=2, claim_window_s=10)
    await redis.hset(KEYS.meter, "level", 2 * 60_000)
    assert (await tick(redis, NOW)).calls == 2
    await claim(redis, visitors[0])
    assert (await tick(redis, NOW + 9_999)).calls == 0
    assert (await tick(redis, NOW + 10_000)).calls == 1
    assert await states(redis, *visitors, now_ms=NOW + 10_000) == ["active", "no_show", "called", "waiting"]
    assert (await admission.counters(redis, KEYS)).no_shows == 1


async def test_sessions_end_by_time_and_buyers_with_them(redis: Client) -> None:
    (ann,) = await a_line(redis, 1, session_ttl_s=20)
    await tick(redis, NOW + 1_000)
    await claim(redis, ann, now_ms=NOW + 1_000)
    await redis.sadd(KEYS.buyers, ann)
    assert (await tick(redis, NOW + 20_999)).status.active == 1
    assert (await tick(redis, NOW + 21_000)).status.active == 0
    assert await states(redis, ann, now_ms=NOW + 21_000) == ["expired"]
    assert await redis.exists(KEYS.buyers, KEYS.turns) == 0


async def test_nobody_is_called_for_tickets_that_are_not_free(redis: Client) -> None:
    await a_line(redis, 9, event_id="gala", admission_rate_per_minute=60_000)
    assert (await tick(redis, NOW + 1_000)).calls == 0
    await stock(redis, free=3)
    assert (await tick(redis, NOW + 2_000)).calls == 3
    await stock(redis, free=2, held=1)
    assert (await tick(redis, NOW + 3_000)).calls == 0


async def test_one_who_holds_makes_room_for_one_who_does_not(redis: Client) -> None:
    ann, *_ = await a_line(redis, 9, event_id="gala", admission_rate_per_minute=60_000)
    await stock(redis, free=1)
    assert (await tick(redis, NOW + 1_000)).calls == 1
    await claim(redis, ann, now_ms=NOW + 1_000)
    assert (await tick(redis, NOW + 2_000)).calls == 0
    await stock(redis, free=1, held=1)
    await redis.sadd(KEYS.buyers, ann)
    assert (await tick(redis, NOW + 3_000)).calls == 1


async def test_the_sold_out_line_is_called_again_when_stock_comes_back(redis: Client) -> None:
    await a_line(redis, 2, event_id="gala", admission_rate_per_minute=60_000)
    await stock(redis, free=0, sold=5)
    found = await tick(redis, NOW + 1_000)
    assert (found.status.state, found.calls, found.tell) == ("sold_out", 0, True)
    await stock(redis, free=1, sold=4)
    found = await tick(redis, NOW + 1_001)
    assert (found.status.state, found.calls, found.tell) == ("open", 1, True)


@pytest.mark.parametrize("state", ["paused", "closed"])
async def test_while_nobody_is_called_the_bucket_does_not_fill(redis: Client, state: Any) -> None:
    await a_line(redis, 100, admission_rate_per_minute=600, burst=50)
    await change_room(redis, 6, to=state, admission_rate_per_minute=600, burst=50)
    assert (await tick(redis, NOW + 60_000)).calls == 0
    await change_room(redis, 7, now_ms=NOW + 60_000, admission_rate_per_minute=600, burst=50)
    assert (await tick(redis, NOW + 60_000)).calls == 0
    assert (await tick(redis, NOW + 61_000)).calls == 10


async def test_the_schedule_acts_by_itself(redis: Client) -> None:
    await a_room(
        redis,
        "scheduled",
        prequeue_at=from_ms(NOW + 1_000),
        opens_at=from_ms(NOW + 2_000),
        closes_at=from_ms(NOW + 3_000),
    )
    shown = [(await tick(redis, NOW + ms)).status.state for ms in (999, 1_000, 1_999, 2_000, 2_999, 3_000)]
    assert shown == ["scheduled", "prequeue", "prequeue", "open", "open", "closed"]
    assert (await room.status(redis, KEYS)).opened_at_ms == NOW + 2_000


async def test_a_closing_time_in_the_past_acts_now_and_one_tick_skips_a_missed_pre_queue(
    redis: Client,
) -> None:
    await a_room(redis, "scheduled", prequeue_at=from_ms(NOW - 9), opens_at=from_ms(NOW - 5))
    assert (await tick(redis)).status.state == "open"
    await change_room(redis, 4, closes_at=from_ms(NOW - 1))
    assert (await tick(redis)).status.state == "closed"


async def test_a_fifo_pre_queue_becomes_the_line_as_it_stands(redis: Client) -> None:
    await a_room(redis, "prequeue", opens_at=from_ms(NOW + 1_000), admission_rate_per_minute=60, burst=2)
    visitors = await crowd(redis, 5)
    found = await tick(redis, NOW + 1_000)
    assert (found.calls, found.undrawn, found.status.waiting) == (2, False, 3)
    late = (await join(redis, a_visitor(), now_ms=NOW + 1_000))[0]
    assert isinstance(late, Place)
    assert (late.queue_number, late.ahead) == (6, 3)
    assert await states(redis, *visitors, now_ms=NOW + 1_000) == ["called"] * 2 + ["waiting"] * 3


async def test_a_lottery_calls_nobody_before_the_draw_reaches_them(redis: Client) -> None:
    await a_room(redis, "prequeue", queueing_method="lottery")
    await crowd(redis, 3)
    await change_room(redis, 3, queueing_method="lottery")
    await admission.raise_numbers(redis, KEYS, epoch=1, draw_last=3, numbers=1_000)
    assert states_of(await join(redis, a_visitor())) == ["waiting"]
    found = await tick(redis, NOW + 1_000)
    assert (found.calls, found.undrawn, found.status.waiting) == (0, True, 4)


async def test_a_restored_room_admits_after_its_window(redis: Client) -> None:
    await a_line(redis, 5, admission_rate_per_minute=60_000)
    await redis.hset(KEYS.conf, "restore_until_ms", NOW + 5_000)
    assert (await tick(redis, NOW + 4_999)).calls == 0
    assert (await tick(redis, NOW + 5_000)).calls == 5


async def test_what_changed_is_told_by_one_worker_and_not_too_often(redis: Client) -> None:
    await a_line(redis, 9, admission_rate_per_minute=240)
    channel = redis.pubsub()
    await channel.subscribe("fairgate:status:hall")
    assert [(await tick(redis, NOW + ms)).tell for ms in (0, 0, 250, 250, 500, 500)] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    messages = [await channel.get_message(timeout=PATIENCE_S) for _ in range(4)]
    assert [it["type"] for it in messages] == ["subscribe", "message", "message", "message"]
    await channel.aclose()


async def test_a_line_that_stands_still_is_told_each_second(redis: Client) -> None:
    await a_line(redis, 1, admission_rate_per_minute=0)
    await tick(redis, NOW)
    assert [(await tick(redis, NOW + ms)).tell for ms in (999, 1_000, 1_999, 2_000)] == [
        False,
        True,
        False,
        True,
    ]


async def test_the_outflow_is_what_was_called_in_the_last_minute(redis: Client) -> None:
    await a_line(redis, 2_000, admission_rate_per_minute=600)
    outflow = {}
    for second in range(1, 121):
        outflow[second] = (await tick(redis, NOW + second * 1_000)).status.outflow_per_minute
    assert (outflow[5], outflow[10], outflow[30], outflow[60], outflow[120]) == (300, 600, 600, 600, 600)
    await change_room(redis, 6, to="paused", now_ms=NOW + 120_000, admission_rate_per_minute=600)
    assert (await tick(redis, NOW + 150_000)).status.outflow_per_minute == 300
    assert (await tick(redis, NOW + 181_000)).status.outflow_per_minute == 0
    assert await redis.hlen(KEYS.outflow) == 60


async def test_a_clock_that_is_set_back_stops_nothing(redis: Client) -> None:
    await a_line(redis, 2_000, admission_rate_per_minute=600)
    for second in range(1, 31):
        await tick(redis, NOW + second * 1_000)
    back = NOW - 3_600_000
    first = await tick(redis, back)
    assert (first.calls, first.tell, first.status.outflow_per_minute) == (0, True, 0)
    for second in range(1, 21):
        found = await tick(redis, back + second * 1_000)
        assert (found.calls, found.tell) == (10, True)
    assert found.status.outflow_per_minute == 200


async def test_a_limit_bounds_the_work_and_asks_for_more(redis: Client) -> None:
    await a_line(redis, 50, admission_rate_per_minute=60_000, claim_window_s=2)
    found = [await tick(redis, NOW + 1_000, limit=20) for _ in range(3)]
    assert [(it.calls, it.more) for it in found] == [(20, True), (20, True), (10, False)]
    assert [(await tick(redis, NOW + 3_000, limit=20)).more for _ in range(3)] == [True, True, False]


async def test_a_limit_of_nothing_only_looks(redis: Client) -> None:
    (ann,) = await a_line(redis, 1, claim_window_s=2, admission_rate_per_minute=60_000)
    assert (await tick(redis, NOW + 1_000, limit=0)).calls == 0
    await tick(redis, NOW + 1_000)
    found = await tick(redis, NOW + 9_000, limit=0)
    assert (found.status.called, await redis.zcard(KEYS.called), ann != "") == (1, 1, True)


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await tick(redis)
