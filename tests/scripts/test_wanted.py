"""Tickets wanted at once: nobody is called for fewer, and nobody loses their place because of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.core.model import Place, VisitorId
from app.store.redis.conf import restored_fields
from app.store.scripts import restoring, room
from app.store.scripts.restoring import RestorePoint, SessionRecord
from app.store.scripts.room import CHECKED, AskRecord
from tests.support.builders import (
    KEYS,
    NOW,
    Client,
    a_room,
    a_row,
    ask_record,
    join_record,
    opened,
    stock,
    token,
)
from tests.support.queue_steps import claim, get_places, join, only, states, states_of, tick

EVENT = "gala"


async def a_returns_line(redis: Client, *quantities: int, free: int = 0, **settings: Any) -> list[str]:
    """Visitors v1, v2, ... each wait for this many tickets, after the last one was sold."""
    defaults: dict[str, Any] = {"admission_rate_per_minute": 60_000, "active_visitors_max": None}
    await a_room(redis, event_id=EVENT, **(defaults | settings))
    await stock(redis, 0, held=1)
    visitors = [f"v{n}" for n in range(1, len(quantities) + 1)]
    for visitor, quantity in zip(visitors, quantities, strict=True):
        assert only(await join(redis, join_record(visitor)._replace(quantity=quantity))).state == "waiting"
    await stock(redis, free, sold=10 - free)
    return visitors


async def test_sold_out_keeps_the_line_and_refuses_newcomers(redis: Client) -> None:
    await a_returns_line(redis, 1, 1)
    found = await tick(redis)
    assert (found.status.state, found.calls, found.status.waiting) == ("sold_out", 0, 2)
    assert states_of(await join(redis, "newcomer")) == ["sold_out"]
    second = only(await get_places(redis, "v2"))
    assert (second.queue_number, second.ahead) == (2, 1)


async def test_what_comes_back_is_offered_in_order_one_claim_window_each(redis: Client) -> None:
    visitors = await a_returns_line(redis, 1, 1, 1, claim_window_s=30)
    await stock(redis, 1, sold=9)
    assert (await tick(redis)).calls == 1
    assert only(await get_places(redis, "v1")).claim_by_ms == NOW + 30_000
    assert (await tick(redis, NOW + 29_999)).calls == 0
    assert (await tick(redis, NOW + 30_000)).calls == 1
    assert await states(redis, *visitors, now_ms=NOW + 30_000) == ["no_show", "called", "waiting"]


async def test_who_wants_more_than_is_free_is_passed_over_and_keeps_their_place(redis: Client) -> None:
    visitors = await a_returns_line(redis, 4, 1, 2, free=2)
    assert (await tick(redis)).calls == 1  # v3 wants two, but one of the two free ones is v2's
    assert await states(redis, *visitors) == ["waiting", "called", "waiting"]
    first = only(await get_places(redis, "v1"))
    assert (first.queue_number, first.ahead, first.quantity) == (1, 0, 4)
    await stock(redis, 4, sold=6)
    assert (await tick(redis)).calls == 1  # one of the four is v2's, so v1 keeps waiting
    assert await states(redis, *visitors) == ["waiting", "called", "called"]
    await stock(redis, 6, sold=4)
    assert (await tick(redis)).calls == 1
    assert await states(redis, *visitors) == ["called"] * 3


async def test_who_is_inside_counts_for_as_many_as_they_want_until_they_reserve(redis: Client) -> None:
    await a_returns_line(redis, 3, free=3)
    assert (await tick(redis)).calls == 1
    await claim(redis, "v1")
    assert await redis.hgetall(KEYS.wanted) == {"v1": "3", ":inside": "2"}
    await join(redis, "v2")
    assert (await tick(redis)).calls == 0  # all three are spoken for
    await redis.hdel(KEYS.wanted, "v1", ":inside")  # as `include/granting.lua` does, with the mark of a buyer
    await redis.sadd(KEYS.buyers, "v1")
    await stock(redis, 1, held=2, sold=7)
    assert (await tick(redis)).calls == 1
    assert await states(redis, "v2") == ["called"]


async def test_a_wish_counts_once_it_is_claimed(redis: Client) -> None:
    """A called visitor has stated how many tickets they want, and nothing else yet."""
    visitors = await a_returns_line(redis, 3, 3, 1, free=4)
    assert (await tick(redis)).calls == 3
    assert await redis.hget(KEYS.wanted, ":inside") is None
    await claim(redis, "v1")
    await join(redis, "v4")
    assert (await tick(redis)).calls == 0
    assert await states(redis, *visitors, "v4") == ["active", "called", "called", "waiting"]


@pytest.mark.parametrize("ending", ["expired", "done", "no_show", "left"])
async def test_a_turn_that_ends_frees_all_they_wanted(redis: Client, ending: str) -> None:
    await a_returns_line(redis, 3, 3, free=3, claim_window_s=2, session_ttl_s=2)
    assert (await tick(redis, limit=1)).calls == 1
    if ending in ("expired", "done"):
        await claim(redis, "v1")
        assert (await tick(redis)).calls == 0
    now_ms = NOW + (2_000 if ending in ("no_show", "expired") else 0)
    if ending in ("left", "done"):
        await room.leave(redis, KEYS, VisitorId("v1"), now_ms=NOW)
    assert (await tick(redis, now_ms)).calls == 1
    assert await states(redis, "v1", "v2", now_ms=now_ms) == [ending, "called"]
    assert await redis.hgetall(KEYS.wanted) == {"v2": "3"}


@pytest.mark.parametrize(("per_ticket", "quantity", "free"), [(0.3, 5, 5), (0.5, 4, 4), (10.0, 4, 4)])
async def test_exactly_enough_is_enough_whatever_the_visitors_per_ticket(
    redis: Client, per_ticket: float, quantity: int, free: int
) -> None:
    await a_returns_line(redis, quantity, free=free - 1, visitors_per_ticket_max=per_ticket)
    assert (await tick(redis)).calls == 0
    await stock(redis, free, sold=10 - free)
    assert (await tick(redis)).calls == 1


async def test_the_wish_can_be_changed_while_waiting_and_only_then(redis: Client) -> None:
    await a_returns_line(redis, 4, free=2)
    assert (await tick(redis)).calls == 0
    assert states_of(await get_places(redis, ask_record("v1")._replace(quantity=11))) == ["too_many"]
    assert only(await get_places(redis, ask_record("v1")._replace(quantity=2))).quantity == 2
    assert (await tick(redis)).calls == 1
    called = only(await get_places(redis, ask_record("v1")._replace(quantity=1)))
    assert (called.state, called.quantity) == ("called", 2)


async def test_one_ticket_costs_nothing_to_remember(redis: Client) -> None:
    await a_returns_line(redis, 1, 1)
    await get_places(redis, ask_record("v1")._replace(quantity=1))
    assert await redis.exists(KEYS.wanted) == 0


async def test_who_leaves_is_forgotten(redis: Client) -> None:
    await a_returns_line(redis, 2, 3)
    await room.leave(redis, KEYS, VisitorId("v1"), now_ms=NOW)
    await room.remove(redis, KEYS, VisitorId("v2"), now_ms=NOW)
    assert await redis.exists(KEYS.wanted) == 0


async def test_a_newcomer_is_called_at_once_only_where_enough_is_free(redis: Client) -> None:
    await a_room(redis, event_id=EVENT, admission_rate_per_minute=60_000)
    await stock(redis, 2)
    batch = [join_record("a")._replace(quantity=2), join_record("b")._replace(quantity=2), join_record("c")]
    assert states_of(await join(redis, *batch)) == ["called", "waiting", "waiting"]
    assert (await tick(redis)).calls == 1
    assert await states(redis, "b", "c") == ["waiting", "called"]


async def test_a_room_without_an_event_sells_one_place_a_visitor(redis: Client) -> None:
    await a_room(redis)
    assert states_of(await join(redis, join_record("a")._replace(quantity=2))) == ["too_many"]
    assert states_of(await join(redis, join_record("a")._replace(quantity=1))) == ["called"]


async def test_a_crowd_that_wants_too_many_holds_up_nobody_behind_it(redis: Client) -> None:
    visitors = await a_returns_line(redis, *[5] * 250, 1, free=1)
    calls = [(await tick(redis, NOW + 250 * n, limit=10)).calls for n in range(4)]
    assert sum(calls) == 1
    assert await states(redis, visitors[-1], now_ms=NOW + 1_000) == ["called"]
    first = only(await get_places(redis, "v1", now_ms=NOW + 1_000))
    assert (first.state, first.queue_number, first.ahead) == ("waiting", 1, 0)
    await get_places(redis, ask_record(visitors[180])._replace(quantity=1), now_ms=NOW + 1_000)
    await stock(redis, 2, sold=8)  # one of them is spoken for
    calls = [(await tick(redis, NOW + 1_000 + 250 * n, limit=10)).calls for n in range(4)]
    assert sum(calls) == 1
    assert await states(redis, visitors[180], now_ms=NOW + 2_000) == ["called"]


async def wiped(redis: Client, serving: int, *sessions: SessionRecord) -> None:
    """Redis loses everything; a second later the room is back, with what Postgres remembers."""
    await redis.flushall()
    row = opened(a_row(EVENT, "open", admission_rate_per_minute=60_000))
    point = RestorePoint(2, 100, 1_000_000, serving, serving, 0, 0, 0)
    await restoring.restore(redis, KEYS, restored_fields(row, 0), point, now_ms=NOW + 1_000)
    await restoring.load_sessions(redis, KEYS, sessions, epoch=2, now_ms=NOW + 1_000)
    await restoring.finish_restore(redis, KEYS, epoch=2, window_ms=0, now_ms=NOW + 1_000)
    await stock(redis, 0, sold=10)


def claim_after_loss(visitor_id: str, number: int, quantity: int = 0) -> AskRecord:
    """Ask with a token from before the loss; Postgres knows of no place of theirs that ended."""
    known = msgspec.structs.replace(token(visitor_id, number, CHECKED), quantity=quantity)
    return ask_record(visitor_id, known)


async def test_a_wiped_redis_does_not_lose_who_was_passed_over(redis: Client) -> None:
    await a_returns_line(redis, 4, 1, 1, free=1)
    assert (await tick(redis)).status.serving_position == 2
    await wiped(redis, 2, SessionRecord("v2", 2, NOW + 60_000, 0))
    found = await get_places(
        redis,
        claim_after_loss("v1", 1, 4),
        claim_after_loss("v2", 2),
        claim_after_loss("v3", 3),
        now_ms=NOW + 2_000,
    )
    assert states_of(found) == ["waiting", "active", "waiting"]
    assert isinstance(found[0], Place)
    assert (found[0].queue_number, found[0].quantity) == (1, 4)
    await stock(redis, 5, sold=5)
    await tick(redis, NOW + 3_000)
    assert await states(redis, "v1", now_ms=NOW + 3_000) == ["called"]


async def test_after_a_wipe_a_claimed_turn_is_not_given_again_for_a_wish(redis: Client) -> None:
    await a_returns_line(redis, 2, free=2)
    await tick(redis)
    await wiped(redis, 1, SessionRecord("v1", 1, NOW + 500, 0))
    assert states_of(await get_places(redis, claim_after_loss("v1", 1, 2), now_ms=NOW + 2_000)) == ["expired"]
