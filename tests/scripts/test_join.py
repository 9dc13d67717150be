"""join.lua: one place per visitor, in order, and called immediately when there is no crowd."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.model import Place
from app.store.scripts import admission
from app.store.scripts.room import (
    NO_DRAW,
    Answers,
    JoinRecord,
    NotLoaded,
    RefusedRecord,
    claim,
    join,
    leave,
    remove,
)
from tests.support.builders import (
    KEYS,
    NOW,
    Client,
    a_room,
    a_visitor,
    ask_record,
    change_room,
    join_record,
    stock,
    token,
)


async def enter(redis: Client, *records: JoinRecord, now_ms: int = NOW, **limits: int) -> Answers:
    return await join(redis, KEYS, records, **({"rate": 0, "burst": 1} | limits), now_ms=now_ms)


async def words(redis: Client, *records: JoinRecord, now_ms: int = NOW, **limits: int) -> list[str]:
    answers = await enter(redis, *records, now_ms=now_ms, **limits)
    return [it.word if isinstance(it, RefusedRecord) else it.state for it in answers.places]


async def places(redis: Client, *records: JoinRecord, now_ms: int = NOW) -> list[Place]:
    found = (await enter(redis, *records, now_ms=now_ms)).places
    assert all(isinstance(it, Place) for it in found), found
    return [it for it in found if isinstance(it, Place)]


async def test_numbers_are_dense_and_in_the_order_of_the_batch(redis: Client) -> None:
    await a_room(redis, "paused")
    found = await places(redis, *(join_record(a_visitor()) for _ in range(5)))
    assert [(it.state, it.queue_number, it.ahead, it.new) for it in found] == [
        ("waiting", n, n - 1, True) for n in range(1, 6)
    ]
    assert [it.token_number for it in found] == [1, 2, 3, 4, 5]


async def test_joining_again_gives_the_same_place(redis: Client) -> None:
    await a_room(redis, "paused")
    ann, bob = a_visitor(), a_visitor()
    first = await places(redis, join_record(ann), join_record(bob), join_record(bob))
    again = await places(redis, join_record(bob))
    assert [it.queue_number for it in (*first, *again)] == [1, 2, 2, 2]
    assert [it.new for it in (*first, *again)] == [True, True, False, False]
    assert again[0].ahead == 1


async def test_with_no_crowd_a_join_is_called_at_once_until_the_tokens_are_gone(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=2, claim_window_s=30)
    found = await enter(redis, *(join_record(a_visitor()) for _ in range(3)))
    assert [it.state for it in found.places if isinstance(it, Place)] == ["called", "called", "waiting"]
    first = found.places[0]
    assert isinstance(first, Place)
    assert first.claim_by_ms == NOW + 30_000
    assert (found.status.serving_position, found.status.called, found.status.waiting) == (2, 2, 1)


async def test_nobody_overtakes_who_waits(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=1)
    assert await words(redis, join_record(a_visitor()), join_record(a_visitor())) == ["called", "waiting"]
    assert await words(redis, join_record(a_visitor()), now_ms=NOW + 60_000) == ["waiting"]


async def test_tokens_come_back_with_time_and_no_faster(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=1)
    assert await words(redis, join_record(a_visitor())) == ["called"]
    visitor = a_visitor()
    assert await words(redis, join_record(visitor), now_ms=NOW + 999) == ["waiting"]
    await leave(redis, KEYS, visitor, now_ms=NOW + 999)
    assert await words(redis, join_record(a_visitor()), now_ms=NOW + 1000) == ["called"]


async def test_the_cap_counts_called_and_active(redis: Client) -> None:
    await a_room(redis, active_visitors_max=2)
    ann = a_visitor()
    assert await words(redis, join_record(ann)) == ["called"]
    await claim(redis, KEYS, [ask_record(ann)], rate=0, burst=1, now_ms=NOW)
    assert await words(redis, join_record(a_visitor()), join_record(a_visitor())) == ["called", "waiting"]


async def test_nobody_is_called_while_no_ticket_is_free_for_them(redis: Client) -> None:
    await a_room(redis, event_id="gala")
    await stock(redis, free=2, held=1)
    assert await words(redis, *(join_record(a_visitor()) for _ in range(3))) == [
        "called",
        "called",
        "waiting",
    ]


async def test_visitors_who_hold_something_do_not_count_against_the_free_tickets(redis: Client) -> None:
    await a_room(redis, event_id="gala", visitors_per_ticket_max=1.5)
    await stock(redis, free=2)
    ann = a_visitor()
    await words(redis, join_record(ann))
    await claim(redis, KEYS, [ask_record(ann)], rate=0, burst=1, now_ms=NOW)
    await redis.sadd(KEYS.buyers, ann)
    assert await words(redis, *(join_record(a_visitor()) for _ in range(4))) == ["called"] * 3 + ["waiting"]


async def test_an_event_whose_stock_is_not_loaded_calls_nobody(redis: Client) -> None:
    await a_room(redis, event_id="gala")
    assert await words(redis, join_record(a_visitor())) == ["waiting"]


async def test_a_sold_out_room_refuses_new_visitors_and_keeps_the_old(redis: Client) -> None:
    await a_room(redis, event_id="gala")
    await stock(redis, free=0, held=1, sold=9)
    ann = a_visitor()
    assert await words(redis, join_record(ann)) == ["waiting"]
    await stock(redis, free=0, sold=10)
    assert await words(redis, join_record(ann), join_record(a_visitor())) == ["waiting", "sold_out"]


@pytest.mark.parametrize(
    ("state", "word"), [("scheduled", "not_open"), ("closed", "closed"), ("paused", "waiting")]
)
async def test_the_state_decides_who_may_join(redis: Client, state: Any, word: str) -> None:
    await a_room(redis, state)
    assert await words(redis, join_record(a_visitor())) == [word]


async def test_a_lottery_pre_queue_is_ordered_by_draw_and_tells_no_number(redis: Client) -> None:
    await a_room(redis, "prequeue", queueing_method="lottery")
    ann, bob = a_visitor(), a_visitor()
    found = await places(
        redis, join_record(ann, draw=2**52 - 1), join_record(bob, draw=5), join_record(bob, draw=5)
    )
    assert [(it.state, it.queue_number, it.token_number, it.new) for it in found] == [
        ("prequeue", None, None, True),
        ("prequeue", None, None, True),
        ("prequeue", None, None, False),
    ]
    assert await redis.zrange(KEYS.prequeue, 0, -1, withscores=True) == [
        (bob, 5.0),
        (ann, 2.0**52 - 1),
    ]


async def test_a_lottery_asks_for_a_draw_that_was_not_said(redis: Client) -> None:
    await a_room(redis, "prequeue", queueing_method="lottery")
    assert await words(redis, join_record(a_visitor(), draw=NO_DRAW)) == ["no_draw"]
    assert await redis.zcard(KEYS.prequeue) == 0
    told_before = token(a_visitor(), None, epoch=0)
    assert await words(redis, join_record(told_before.visitor_id, told_before, draw=NO_DRAW)) == ["no_draw"]


async def test_a_fifo_pre_queue_gives_numbers_that_only_the_token_tells(redis: Client) -> None:
    await a_room(redis, "prequeue")
    ann, bob = a_visitor(), a_visitor()
    found = await places(redis, join_record(ann), join_record(bob), join_record(ann))
    assert [(it.state, it.queue_number, it.token_number) for it in found] == [
        ("prequeue", None, 1),
        ("prequeue", None, 2),
        ("prequeue", None, 1),
    ]


async def test_no_number_is_given_that_was_not_reserved(redis: Client) -> None:
    await a_room(redis, "paused", numbers_reserved=2)
    assert await words(redis, *(join_record(a_visitor()) for _ in range(3))) == [
        "waiting",
        "waiting",
        "numbers_exhausted",
    ]


async def test_after_leaving_a_join_gives_a_new_number_at_the_end(redis: Client) -> None:
    await a_room(redis, "paused")
    ann = a_visitor()
    await words(redis, join_record(ann), join_record(a_visitor()))
    await leave(redis, KEYS, ann, now_ms=NOW)
    (again,) = await places(redis, join_record(ann, token(ann, 1)))
    assert (again.queue_number, again.new) == (3, True)


async def test_after_a_call_that_was_not_claimed_a_join_gives_a_new_number(redis: Client) -> None:
    await a_room(redis, claim_window_s=10)
    ann = a_visitor()
    assert await words(redis, join_record(ann)) == ["called"]
    assert await words(redis, join_record(ann), now_ms=NOW + 9_999) == ["called"]
    await admission.admit(redis, KEYS, limit=1, now_ms=NOW + 10_000)
    (again,) = await places(redis, join_record(ann), now_ms=NOW + 10_000)
    assert (again.queue_number, again.new) == (2, True)


async def test_who_was_removed_never_comes_back(redis: Client) -> None:
    await a_room(redis)
    ann = a_visitor()
    await words(redis, join_record(ann))
    await remove(redis, KEYS, ann, now_ms=NOW)
    assert await words(redis, join_record(ann), now_ms=NOW + 10**9) == ["removed"]


async def test_an_address_is_throttled_and_the_others_of_the_batch_are_not(redis: Client) -> None:
    await a_room(redis, "paused")
    records = [join_record(a_visitor(), address="192.0.2.1") for _ in range(4)]
    other = join_record(a_visitor(), address="192.0.2.2")
    answers = await enter(redis, *records, other, rate=60, burst=3)
    assert answers.places[3] == RefusedRecord("limited", 1000)
    assert await words(redis, other, rate=60, burst=3) == ["waiting"]
    assert answers.status.waiting == 4
    assert await words(redis, records[3], rate=60, burst=3, now_ms=NOW + 999) == ["limited"]
    assert await words(redis, records[3], rate=60, burst=3, now_ms=NOW + 1000) == ["waiting"]


async def test_a_clock_that_is_set_back_leaves_nobody_throttled(redis: Client) -> None:
    await a_room(redis, "paused")
    records = [join_record(a_visitor(), address="192.0.2.1") for _ in range(8)]
    limits = {"rate": 60, "burst": 3}
    assert await words(redis, *records[:4], **limits) == ["waiting"] * 3 + ["limited"]
    hour_ago = NOW - 3_600_000
    assert await words(redis, *records[4:], **limits, now_ms=hour_ago) == ["waiting"] * 3 + ["limited"]
    assert await words(redis, records[7], **limits, now_ms=hour_ago + 1000) == ["waiting"]


async def test_allowances_that_are_whole_again_are_forgotten(redis: Client) -> None:
    await a_room(redis, "paused")
    addresses = [join_record(a_visitor(), address=f"192.0.2.{i}") for i in range(50)]
    await words(redis, *addresses, rate=600, burst=10)
    await words(redis, join_record(a_visitor(), address="192.0.2.99"), rate=600, burst=10, now_ms=NOW + 100)
    assert await redis.zrange(KEYS.throttle, 0, -1) == ["192.0.2.99"]


async def test_a_room_this_server_has_not_loaded_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await words(redis, join_record(a_visitor()))
    await a_room(redis)
    await redis.hset(KEYS.conf, "run_id", "0" * 40)  # what a restarted server would find
    with pytest.raises(NotLoaded):
        await words(redis, join_record(a_visitor()))


async def test_a_rate_of_zero_calls_nobody_until_it_is_raised(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=0)
    ann = a_visitor()
    assert await words(redis, join_record(ann)) == ["waiting"]
    await leave(redis, KEYS, ann, now_ms=NOW)
    await change_room(redis, 3, admission_rate_per_minute=600)
    assert await words(redis, join_record(ann)) == ["called"]
