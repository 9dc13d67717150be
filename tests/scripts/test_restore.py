"""restore.lua, and join and place in a restored room: everybody is back in place, with no second turn."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.model import RoomState, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.store.redis.conf import restored_fields
from app.store.scripts.restoring import EndingRecord, RestorePoint, finish_restore, load_endings, restore
from app.store.scripts.room import CHECKED, RefusedRecord, leave, status
from tests.support import builders
from tests.support.builders import KEYS, NOW, Client, a_room, a_row, ask_record, join_record, opened
from tests.support.queue_steps import claim, crowd, get_places, join, only, states, states_of, tick

SERVED, SETTLED, LAST = 100, 60, 5_000


def token(visitor_id: str, number: int | None, epoch: int = CHECKED) -> PlaceClaims:
    """A token from before the loss; Postgres knows of no place of theirs that ended."""
    return builders.token(visitor_id, number, epoch)


async def a_restored_room(
    redis: Client, state: RoomState = "open", *, loaded: bool = True, **settings: Any
) -> None:
    """Served up to 100; calls up to 60 are older than the claim window; numbers went up to 5,000."""
    row = a_row(state=state, **settings)
    if state == "open":
        row = opened(row)
    point = RestorePoint(2, LAST, LAST + 5_000, SERVED, SETTLED, 0, 0, 0)
    await restore(redis, KEYS, restored_fields(row, 1), point, now_ms=NOW)
    if loaded:
        await finish_restore(redis, KEYS, epoch=2, window_ms=10_000, now_ms=NOW)


async def test_a_visitor_still_waiting_is_put_back_where_they_stood(redis: Client) -> None:
    await a_restored_room(redis)
    back = only(await join(redis, join_record("bob", token("bob", 300))))
    assert (back.state, back.queue_number, back.ahead, back.new) == ("waiting", 300, 0, False)
    back = only(await get_places(redis, ask_record("ann", token("ann", 200))))
    assert (back.queue_number, back.ahead) == (200, 0)
    assert only(await get_places(redis, "bob")).ahead == 1


async def test_new_numbers_are_above_every_old_one(redis: Client) -> None:
    await a_restored_room(redis)
    new = only(await join(redis, "new"))
    assert (new.queue_number, new.state) == (LAST + 1, "waiting")


async def test_nobody_is_admitted_before_the_window_is_over_then_the_old_order_goes_on(redis: Client) -> None:
    await a_restored_room(redis, admission_rate_per_minute=600)
    await join(redis, "new", join_record("bob", token("bob", 300)), join_record("ann", token("ann", 200)))
    assert (await tick(redis, NOW + 9_999)).calls == 0
    await redis.hset(KEYS.meter, "level", 2 * 60_000)
    found = await tick(redis, NOW + 10_000)
    assert (found.calls, found.status.serving_position) == (2, 300)
    assert await states(redis, "ann", "bob", "new", now_ms=NOW + 10_000) == ["called", "called", "waiting"]


async def test_a_call_that_was_still_running_is_made_again(redis: Client) -> None:
    await a_restored_room(redis, claim_window_s=30)
    back = only(await get_places(redis, ask_record("ann", token("ann", SETTLED + 1))))
    assert (back.state, back.claim_by_ms, back.queue_number) == ("called", NOW + 30_000, SETTLED + 1)
    assert states_of(await claim(redis, "ann")) == ["active"]


async def test_the_token_of_a_call_made_before_is_not_given_back(redis: Client) -> None:
    await a_restored_room(redis, admission_rate_per_minute=1, claim_window_s=5)
    old, new = SETTLED + 1, SERVED + 1
    await get_places(redis, ask_record("ann", token("ann", old)), ask_record("bob", token("bob", new)))
    await redis.hset(KEYS.meter, "level", 60_000)
    assert (await tick(redis, NOW + 10_000)).calls == 1
    assert await states(redis, "ann", "bob", now_ms=NOW + 10_000) == ["no_show", "called"]
    spent = int(await redis.hget(KEYS.meter, "level"))
    await redis.hset(KEYS.meter, "sure_ms", NOW + 15_000)
    assert await states(redis, "bob", now_ms=NOW + 15_000) == ["no_show"]
    assert int(await redis.hget(KEYS.meter, "level")) == spent + 60_000


async def test_a_call_that_was_over_stays_over(redis: Client) -> None:
    await a_restored_room(redis)
    assert states_of(await get_places(redis, ask_record("ann", token("ann", SETTLED)))) == ["no_show"]
    again = only(await join(redis, join_record("ann", token("ann", SETTLED))))
    assert (again.queue_number, again.new) == (LAST + 1, True)


async def test_a_running_call_over_the_cap_comes_first_in_line(redis: Client) -> None:
    await a_restored_room(redis, active_visitors_max=1)
    assert states_of(await get_places(redis, ask_record("ann", token("ann", 99)))) == ["called"]
    back = only(await get_places(redis, ask_record("bob", token("bob", 98))))
    assert (back.state, back.queue_number) == ("waiting", 98)


async def test_an_old_token_is_worth_one_turn(redis: Client) -> None:
    await a_restored_room(redis, admission_rate_per_minute=60_000, claim_window_s=5)
    old = join_record("ann", token("ann", 200))
    await join(redis, old)
    await tick(redis, NOW + 20_000)
    await tick(redis, NOW + 30_000)
    again = only(await join(redis, old, now_ms=NOW + 30_000))
    assert (again.queue_number, again.new) == (LAST + 1, True)


async def test_an_old_token_is_worth_nothing_when_endings_are_forgotten(redis: Client) -> None:
    await a_restored_room(redis, admission_rate_per_minute=60_000, claim_window_s=5)
    late = NOW + 3_700_000
    await join(redis, join_record("ann", token("ann", 200)))
    for at_ms in (NOW + 20_000, NOW + 30_000, late):
        await tick(redis, at_ms)
    assert states_of(await get_places(redis, ask_record("ann", token("ann", 200)), now_ms=late)) == [
        "no_show"
    ]
    still = only(await get_places(redis, ask_record("bob", token("bob", 201)), now_ms=late))
    assert (still.state, still.queue_number) == ("waiting", 201)


async def test_who_left_since_is_not_put_back(redis: Client) -> None:
    await a_restored_room(redis)
    await join(redis, join_record("ann", token("ann", 200)))
    await leave(redis, KEYS, VisitorId("ann"), now_ms=NOW)
    assert states_of(await get_places(redis, ask_record("ann", token("ann", 200)))) == ["left"]
    assert only(await join(redis, join_record("ann", token("ann", 200)))).new


async def test_how_places_ended_is_looked_up_before_anybody_is_put_back(redis: Client) -> None:
    await a_restored_room(redis)
    ann, bob = token("ann", 200, epoch=1), token("bob", 90, epoch=1)
    records = [ask_record("ann", ann), ask_record("bob", bob)]
    assert states_of(await get_places(redis, *records)) == ["unchecked", "unchecked"]
    assert states_of(await join(redis, join_record("ann", ann))) == ["unchecked"]
    endings = [EndingRecord("ann", "left", 199), EndingRecord("bob", "no_show", 90)]
    await load_endings(redis, KEYS, endings, now_ms=NOW)
    assert states_of(await get_places(redis, *records)) == ["unchecked", "no_show"]
    assert states_of(await get_places(redis, ask_record("ann", token("ann", 200)))) == ["waiting"]
    assert only(await join(redis, join_record("bob", bob))).new


async def test_until_sessions_are_loaded_nobody_whose_turn_had_come_is_judged(redis: Client) -> None:
    await a_restored_room(redis, loaded=False)
    records = [
        join_record("ann", token("ann", 50)),
        join_record("bob", token("bob", 300)),
        join_record("new"),
    ]
    assert states_of(await join(redis, *records)) == ["restoring", "waiting", "waiting"]
    assert await claim(redis, ask_record("bob", token("bob", 300))) == [RefusedRecord("restoring", 0)]
    assert (await tick(redis, NOW + 60_000)).restoring


async def test_a_fifo_pre_queue_comes_back_in_its_order(redis: Client) -> None:
    await a_restored_room(redis, "prequeue")
    await join(redis, "new", join_record("bob", token("bob", 2)), join_record("ann", token("ann", 1)))
    assert await redis.zrange(KEYS.prequeue, 0, -1) == ["ann", "bob", "new"]


async def test_a_lottery_pre_queue_comes_back_by_draw(redis: Client) -> None:
    await a_restored_room(redis, "prequeue", queueing_method="lottery")
    records = [join_record("bob", token("bob", None), draw=9), join_record("ann", token("ann", None), draw=3)]
    assert states_of(await join(redis, *records)) == ["prequeue", "prequeue"]
    assert await redis.zrange(KEYS.prequeue, 0, -1) == ["ann", "bob"]


async def test_after_the_draw_a_numberless_token_asks_for_its_number(redis: Client) -> None:
    await a_restored_room(redis, queueing_method="lottery")
    ann = ask_record("ann", token("ann", None))
    assert await get_places(redis, ann) == [RefusedRecord("undrawn", 0)]
    assert states_of(await get_places(redis, ann._replace(known_number=150))) == ["waiting"]
    bob = ask_record("bob", token("bob", None), draw=4)._replace(known_number=-2)
    assert states_of(await get_places(redis, bob)) == ["prequeue"]


async def test_a_token_of_this_epoch_brings_nobody_back(redis: Client) -> None:
    await a_restored_room(redis)
    assert await get_places(redis, ask_record("ann", token("ann", 200, epoch=2))) == [
        RefusedRecord("absent", 200)
    ]


async def test_what_a_restarted_server_still_has_is_kept(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=1, numbers_reserved=500)
    ann, bob, cem = await crowd(redis, 3)
    before = await status(redis, KEYS)
    row = opened(a_row(state="open", admission_rate_per_minute=60, burst=1))
    point = RestorePoint(2, 500, 900, 0, 0, 0, 0, 0)
    assert await restore(redis, KEYS, restored_fields(row, 0), point, now_ms=NOW)
    await finish_restore(redis, KEYS, epoch=2, window_ms=0, now_ms=NOW)
    after = await status(redis, KEYS)
    assert (after.serving_position, after.waiting, after.called) == (before.serving_position, 2, 1)
    assert await states(redis, ann, bob, cem) == ["called", "waiting", "waiting"]
    new = only(await join(redis, "new"))
    assert (new.queue_number, new.ahead) == (501, 2)


async def test_an_older_restore_gives_way(redis: Client) -> None:
    await a_restored_room(redis)
    for epoch in (1, 2):
        point = RestorePoint(epoch, 0, 10, 0, 0, 0, 0, 0)
        assert not await restore(redis, KEYS, restored_fields(a_row(), 0), point, now_ms=NOW)
    found = await status(redis, KEYS)
    assert (found.epoch, found.last_number) == (2, LAST)


@pytest.mark.parametrize(("state", "opens"), [("open", True), ("paused", False)])
async def test_a_lottery_whose_draw_was_not_prepared_stands_before_its_opening(
    redis: Client, state: RoomState, opens: bool
) -> None:
    row = opened(a_row(state=state, queueing_method="lottery"))
    point = RestorePoint(2, 5_000, 10_000, 0, 0, 0, 0, 0)
    await restore(redis, KEYS, restored_fields(row, 0), point, now_ms=NOW)
    await finish_restore(redis, KEYS, epoch=2, window_ms=1_000, now_ms=NOW)
    assert states_of(await join(redis, join_record("ann", token("ann", None)))) == ["prequeue"]
    assert (await tick(redis, NOW + 999)).status.state == "prequeue"
    assert (await tick(redis, NOW + 1_000)).undrawn == opens
