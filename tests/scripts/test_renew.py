"""renew.lua: a running session is extended, never beyond its limit and never shortened."""

from __future__ import annotations

import pytest

from app.core.model import VisitorId
from app.store.scripts.filling import load_stock
from app.store.scripts.gate import BeingRestored, RenewRecord, renew
from app.store.scripts.restoring import SessionRecord, load_sessions
from app.store.scripts.room import leave
from app.store.scripts.stock import Submission, confirm, submit
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor
from tests.support.queue_steps import claim, crowd, join, states, tick
from tests.support.sales import ticket_types


async def test_a_session_goes_on_from_now(redis: Client) -> None:
    await a_room(redis, session_ttl_s=60)
    ann, bob = await crowd(redis, 2)
    await claim(redis, ann)
    records = [RenewRecord(ann, 1), RenewRecord(ann, 2), RenewRecord(bob, 2)]
    assert await renew(redis, KEYS, records, now_ms=NOW + 40_500) == [NOW + 100_000, 0, 0]
    assert await states(redis, ann, now_ms=NOW + 99_000) == ["active"]
    assert await renew(redis, KEYS, [RenewRecord(ann, 1)], now_ms=NOW + 100_000) == [0]


async def test_a_session_that_is_not_loaded_yet_is_not_over(redis: Client) -> None:
    await a_room(redis)
    await redis.hset(KEYS.conf, "restoring", 1)
    with pytest.raises(BeingRestored):
        await renew(redis, KEYS, [RenewRecord(a_visitor(), 1)], now_ms=NOW)


async def test_the_limit_holds_and_nothing_is_taken_back(redis: Client) -> None:
    await a_room(redis, session_ttl_s=60)
    (ann,) = await crowd(redis, 1)
    await claim(redis, ann)
    assert await renew(redis, KEYS, [RenewRecord(ann, 1, NOW + 90_900)], now_ms=NOW + 50_000) == [
        NOW + 90_000
    ]
    assert await renew(redis, KEYS, [RenewRecord(ann, 1, NOW + 5_000)], now_ms=NOW + 51_000) == [NOW + 90_000]


async def submit_words(redis: Client, now_ms: int, *ends_ms: int) -> list[str]:
    """Submit requests with booking tokens of ann that end at these times, and return the answers."""
    requests = [
        Submission(f"r{now_ms}-{ends}", "ann", ends, "print", "", "floor:1", network="") for ends in ends_ms
    ]
    found = await submit(redis, KEYS, requests, event_id="gala", backlog_max=100, now_ms=now_ms)
    return [it.word for it in found]


async def test_a_booking_token_of_before_is_good_until_it_runs_out(redis: Client) -> None:
    await a_room(redis, event_id="gala", session_ttl_s=60)
    await load_stock(redis, KEYS, ticket_types())
    await join(redis, "ann")
    await claim(redis, "ann")
    for later_ms in (30_000, 50_000):
        await renew(redis, KEYS, [RenewRecord(VisitorId("ann"), 1)], now_ms=NOW + later_ms)
    tokens = [NOW + 60_000, NOW + 90_000, NOW + 110_000]  # as claimed, and after each renewal
    others = [NOW + 59_000, NOW + 111_000]  # of her other sessions
    answers = await submit_words(redis, NOW + 55_000, *tokens, *others)
    assert answers == ["queued"] * 3 + ["session_ended"] * 2
    assert await submit_words(redis, NOW + 60_000, *tokens) == ["session_ended", "queued", "queued"]
    assert await redis.pttl(KEYS.renewed) > 0


@pytest.mark.parametrize("end", ["left", "expired", "confirmed"])
async def test_what_was_renewed_is_forgotten_with_the_session(redis: Client, end: str) -> None:
    await a_room(redis, event_id="gala", session_ttl_s=60)
    await load_stock(redis, KEYS, ticket_types())
    await join(redis, "ann")
    await claim(redis, "ann")
    await renew(redis, KEYS, [RenewRecord(VisitorId("ann"), 1)], now_ms=NOW + 30_000)
    assert await redis.hgetall(KEYS.renewed) == {"ann": str(NOW + 60_000)}
    if end == "left":
        await leave(redis, KEYS, VisitorId("ann"), now_ms=NOW + 31_000)
    elif end == "confirmed":
        await redis.hset(KEYS.holds, "r1", "held|ann|10|EUR|1|2|floor:1:10")
        await confirm(redis, KEYS, ["r1"], now_ms=NOW + 31_000)
    else:
        await tick(redis, NOW + 90_000)
    assert not await redis.exists(KEYS.renewed)
    await join(redis, "ann", now_ms=NOW + 91_000)
    await claim(redis, "ann", now_ms=NOW + 91_000)
    old = await submit_words(redis, NOW + 92_000, NOW + 93_000)
    assert old == ["session_ended"]


async def test_a_restored_session_that_was_renewed_takes_tokens_of_before(redis: Client) -> None:
    await a_room(redis, event_id="gala", session_ttl_s=60)
    await load_stock(redis, KEYS, ticket_types())
    await redis.hset(KEYS.conf, "restoring", 1)
    sessions = [
        SessionRecord("ann", 1, NOW + 110_000, 0, began_ms=NOW + 300),
        SessionRecord("bob", 2, NOW + 60_000, 0, began_ms=NOW + 300),
    ]
    assert await load_sessions(redis, KEYS, sessions, epoch=1, now_ms=NOW + 52_000)
    await redis.hset(KEYS.conf, "restoring", 0)
    assert await redis.hgetall(KEYS.renewed) == {"ann": str(NOW + 300)}
    answers = await submit_words(redis, NOW + 55_000, NOW + 60_000, NOW + 90_000, NOW + 111_000)
    assert answers == ["queued", "queued", "session_ended"]
