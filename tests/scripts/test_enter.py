"""enter.lua: who would be called on joining is inside immediately; nothing changes for anybody else."""

from __future__ import annotations

from typing import Any

from app.store.scripts.admission import counters
from app.store.scripts.gate import enter
from app.store.scripts.room import JoinRecord, remove
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor, join_record
from tests.support.queue_steps import Answer, claim, crowd, only, states, states_of


async def let_in(
    redis: Client, *visitors: str | JoinRecord, now_ms: int = NOW, **limits: Any
) -> list[Answer]:
    """All of them arrive at the gate at the same time."""
    records = [it if isinstance(it, JoinRecord) else join_record(it)._replace(quantity=1) for it in visitors]
    return (await enter(redis, KEYS, records, **{"rate": 0, "burst": 1, **limits}, now_ms=now_ms)).places


async def test_with_no_crowd_one_call_begins_the_session(redis: Client) -> None:
    await a_room(redis, session_ttl_s=60)
    ann = a_visitor()
    first, again = only(await let_in(redis, ann)), only(await let_in(redis, ann, now_ms=NOW + 1500))
    assert (first.state, first.queue_number, first.new) == ("active", 1, True)
    assert first.session_expires_at_ms == NOW + 60_000
    assert (again.queue_number, again.session_expires_at_ms, again.new) == (1, NOW + 60_000, False)
    counted = await counters(redis, KEYS)
    assert (counted.joined, counted.admitted, counted.claimed) == (1, 1, 1)
    assert await states(redis, ann) == ["active"]
    assert await redis.exists(KEYS.called) == 0


async def test_rate_and_cap_hold_and_a_crowd_is_not_overtaken(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=3, active_visitors_max=2)
    assert states_of(await let_in(redis, *(a_visitor() for _ in range(4)))) == [
        "active",
        "active",
        "crowd",
        "crowd",
    ]
    assert (await counters(redis, KEYS)).joined == 2
    await redis.flushdb()
    await a_room(redis, admission_rate_per_minute=60, burst=1)
    ann, bob, _ = await crowd(redis, 3)
    assert states_of(await let_in(redis, a_visitor(), now_ms=NOW + 5_000)) == ["crowd"]
    assert states_of(await let_in(redis, ann, bob)) == ["active", "crowd"]  # ann is called, bob waits


async def test_who_has_a_turn_may_come_in_where_newcomers_may_not(redis: Client) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    assert states_of(await let_in(redis, join_record(ann), join_record(a_visitor()))) == ["active", "crowd"]
    await claim(redis, ann)
    assert states_of(await let_in(redis, join_record(ann))) == ["active"]
    await remove(redis, KEYS, ann, now_ms=NOW)
    assert states_of(await let_in(redis, ann)) == ["removed"]


async def test_nobody_gets_a_second_session_while_a_room_is_restored(redis: Client) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    await redis.hset(KEYS.conf, "restoring", 1)
    assert states_of(await let_in(redis, join_record(ann), a_visitor())) == ["restoring", "crowd"]


async def test_other_states_send_everybody_to_the_queue_page(redis: Client) -> None:
    for state in ("scheduled", "prequeue", "paused", "closed"):
        await redis.flushdb()
        await a_room(redis, state)
        assert states_of(await let_in(redis, a_visitor())) == ["crowd"], state


async def test_the_throttle_counts_who_is_let_in(redis: Client) -> None:
    await a_room(redis)
    come = [join_record(a_visitor(), address="192.0.2.1")._replace(quantity=1) for _ in range(3)]
    assert states_of(await let_in(redis, *come, rate=60, burst=2)) == ["active", "active", "limited"]
    await redis.flushdb()
    await a_room(redis, numbers_reserved=0)
    assert states_of(await let_in(redis, a_visitor())) == ["numbers_exhausted"]
