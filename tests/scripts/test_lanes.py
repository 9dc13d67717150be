"""Lanes in the scripts: each keeps its order, shares divide the calls, other rooms are unaffected."""

from __future__ import annotations

from collections import Counter

import pytest

from app.core.lanes import LANE_BAND, Lane
from app.core.model import LaneStatus, RoomState, VisitorId
from app.core.tokens.place_tokens import new_member_id
from app.store.scripts import by_hand, carrying, room
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
)
from tests.support.queue_steps import get_places, join, only, states, tick

LANES = [Lane(name="Members", share=30), Lane(name="Wheelchairs", share=10)]


async def a_room_with_lanes(
    redis: Client, state: RoomState = "prequeue", event_id: str | None = None
) -> None:
    await a_room(redis, event_id=event_id, state=state, lanes=LANES, admission_rate_per_minute=60_000)


async def fill(redis: Client, *counts: int) -> list[list[str]]:
    """This many visitors join each lane, alternating between the lanes."""
    lanes: list[list[str]] = [[] for _ in counts]
    for at in range(max(counts)):
        for lane, count in enumerate(counts):
            if at < count:
                lanes[lane].append(new_member_id(lane) if lane else a_visitor())
                await join(redis, lanes[lane][-1])
    return lanes


async def called_lanes(redis: Client, lanes: list[list[str]], count: int) -> list[int]:
    """Check that this many are called in all, the first of each lane, and return how many in each."""
    found = []
    for lane in lanes:
        words = await states(redis, *lane)
        of_lane = words.count("called")
        assert words == ["called"] * of_lane + ["waiting"] * (len(lane) - of_lane)
        found.append(of_lane)
    assert sum(found) == count
    return found


async def open_and_call(redis: Client, count: int) -> None:
    await change_room(redis, 10, lanes=LANES, admission_rate_per_minute=60_000)
    assert (await tick(redis, limit=count)).calls == count


@pytest.mark.parametrize(("count", "expected"), [(10, [6, 3, 1]), (50, [30, 15, 5]), (1, [1, 0, 0])])
async def test_calls_are_divided_by_the_shares_and_each_lane_keeps_its_order(
    redis: Client, count: int, expected: list[int]
) -> None:
    await a_room_with_lanes(redis, "paused")
    lanes = await fill(redis, 40, 40, 10)
    await open_and_call(redis, count)
    found = await called_lanes(redis, lanes, count)
    assert all(abs(it - wanted) <= 1 for it, wanted in zip(found, expected, strict=True)), found


async def test_who_is_let_in_by_hand_comes_from_all_lanes_and_counts_for_their_shares(redis: Client) -> None:
    await a_room_with_lanes(redis, "paused")
    lanes = await fill(redis, 40, 40, 10)
    assert (await by_hand.advance(redis, KEYS, count=20, now_ms=NOW)).called == 20
    by_hand_alone = await called_lanes(redis, lanes, 20)
    await open_and_call(redis, 30)
    with_the_rest = await called_lanes(redis, lanes, 50)
    for found, expected in ((by_hand_alone, (12, 6, 2)), (with_the_rest, (30, 15, 5))):
        assert all(abs(it - wanted) <= 1 for it, wanted in zip(found, expected, strict=True)), found


async def test_a_lane_with_nobody_gives_its_share_to_the_others(redis: Client) -> None:
    await a_room_with_lanes(redis, "paused")
    lanes = await fill(redis, 60, 0, 20)
    await open_and_call(redis, 35)
    assert await called_lanes(redis, lanes, 35) == [30, 0, 5]
    assert (await tick(redis, limit=45)).calls == 45
    assert await called_lanes(redis, lanes, 80) == [60, 0, 20]


async def test_a_visitor_is_told_of_their_lane_and_the_room_of_all(redis: Client) -> None:
    await a_room_with_lanes(redis, "paused")
    lanes = await fill(redis, 5, 3, 0)
    last = only(await get_places(redis, lanes[1][-1]))
    assert (last.queue_number, last.ahead) == (6, 2)
    assert only(await get_places(redis, lanes[0][-1])).ahead == 4
    newest = only(await join(redis, new_member_id(1)))
    assert (newest.queue_number, newest.ahead) == (9, 3)
    now = await room.status(redis, KEYS, now_ms=NOW)
    assert now.lanes == [LaneStatus(60, 0, 5), LaneStatus(30, 0, 4), LaneStatus(10, 0, 0)]
    await open_and_call(redis, 4)
    now = await room.status(redis, KEYS, now_ms=NOW)
    assert (now.serving_position, now.lanes[1].serving_position, now.waiting) == (5, 2, 5)
    assert Counter(it.waiting for it in now.lanes) == {2: 1, 3: 1, 0: 1}


async def test_a_fifo_pre_queue_becomes_the_lanes(redis: Client) -> None:
    await a_room_with_lanes(redis)
    lanes = await fill(redis, 6, 6, 0)
    assert [it.waiting for it in (await room.status(redis, KEYS, now_ms=NOW)).lanes] == [6, 6, 0]
    await open_and_call(redis, 6)
    assert await called_lanes(redis, lanes, 6) == [4, 2, 0]


async def test_whoever_leaves_is_skipped_and_a_carried_place_keeps_its_number(redis: Client) -> None:
    await a_room_with_lanes(redis, "paused")
    lanes = await fill(redis, 2, 3, 0)
    assert await room.leave(redis, KEYS, VisitorId(lanes[1][0]), now_ms=NOW) == "left"
    moved = new_member_id(2)
    carried = await carrying.carry(
        redis, KEYS, "code", VisitorId(lanes[1][1]), moved, draw="", replace=True, now_ms=NOW
    )
    assert (carried.word, carried.number) == ("carried", 4)
    assert only(await get_places(redis, moved)).ahead == 0
    assert only(await get_places(redis, lanes[1][2])).ahead == 0
    assert await redis.zscore(KEYS.waiting, moved) == 2 * LANE_BAND + 4


async def test_who_wants_more_than_is_free_holds_nobody_in_another_lane_up(redis: Client) -> None:
    await a_room_with_lanes(redis, "paused", event_id="event")
    await stock(redis, 3, sold=6)
    group, single, other = new_member_id(1), new_member_id(1), a_visitor()
    await join(redis, join_record(group)._replace(quantity=4), single, other)
    await change_room(redis, 10, event_id="event", lanes=LANES, admission_rate_per_minute=60_000)
    assert (await tick(redis)).calls == 2
    assert await states(redis, group, single, other) == ["waiting", "called", "called"]


async def test_who_stands_in_a_lane_that_is_gone_is_called_in_the_last_one(redis: Client) -> None:
    await a_room_with_lanes(redis)
    lanes = await fill(redis, 2, 2, 2)
    await redis.hset(KEYS.conf, "lanes", "70 30")
    await redis.hset(KEYS.conf, "state", "paused")
    await change_room(redis, 10, lanes=LANES[:1], admission_rate_per_minute=60_000)
    assert (await tick(redis)).calls == 6
    assert await called_lanes(redis, lanes, 6) == [2, 2, 2]


async def test_without_lanes_there_is_nothing_of_them(redis: Client) -> None:
    await a_room(redis, "prequeue", admission_rate_per_minute=60_000)
    member = new_member_id()
    await join(redis, a_visitor(), member)
    await change_room(redis, 10, admission_rate_per_minute=60_000)
    await tick(redis)
    assert not [it for it in await redis.hkeys(KEYS.conf) if "lane" in it]
    assert not [it for it in await redis.hkeys(KEYS.meter) if "lane" in it]
    assert (await room.status(redis, KEYS, now_ms=NOW)).lanes == []
    found = only((await room.place(redis, KEYS, [ask_record(member)], rate=0, burst=1, now_ms=NOW)).places)
    assert found.state == "called"


async def test_lanes_that_are_taken_away_leave_no_setting(redis: Client) -> None:
    await a_room_with_lanes(redis)
    assert await redis.hget(KEYS.conf, "lanes") == "60 30 10"
    await change_room(redis, 10, "prequeue")
    assert not await redis.hexists(KEYS.conf, "lanes")
