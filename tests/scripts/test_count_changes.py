"""count_changes.lua: how often a visitor and a network may pay, extend and cancel."""

from __future__ import annotations

from redis.asyncio import Redis

from app.store.redis.backlogs import backlog
from app.store.scripts.stock import Change, Limits, SubmitReply, count_changes, submit
from tests.support.sales import KEYS, NOW, give_sessions, put_on_sale, submission

LIMITS = Limits(visitor_rate=60, visitor_burst=2, network_rate=60, network_burst=3)


async def count(redis: Redis, *changes: Change, now_ms: int = NOW, limits: Limits = LIMITS) -> list[str]:
    answers = await count_changes(redis, KEYS, changes, limits=limits, now_ms=now_ms)
    return [f"{it.word} {it.detail}".strip() for it in answers]


async def test_a_visitor_has_a_burst_and_then_their_rate(redis: Redis) -> None:
    ann, bob = Change("ann"), Change("bob")
    assert await count(redis, ann, ann, ann, bob) == ["allowed", "allowed", "limited visitor:1000", "allowed"]
    assert await count(redis, ann, now_ms=NOW + 999) == ["limited visitor:1"]
    assert await count(redis, ann, ann, now_ms=NOW + 1_000) == ["allowed", "limited visitor:1000"]
    assert await count(redis, ann, ann, ann, now_ms=NOW + 3_600_000) == [
        "allowed",
        "allowed",
        "limited visitor:1000",
    ]


async def test_a_network_is_limited_whoever_it_is(redis: Redis) -> None:
    changes = [Change(f"visitor{n}", "net1") for n in range(4)]
    assert await count(redis, *changes) == ["allowed"] * 3 + ["limited network:1000"]
    assert await count(redis, Change("another", "net2"), Change("another")) == ["allowed"] * 2


async def test_a_rate_of_0_is_no_limit(redis: Redis) -> None:
    assert await count(redis, *[Change("ann", "net1")] * 50, limits=Limits()) == ["allowed"] * 50
    assert not await redis.exists(KEYS.turnover)


async def test_taking_tickets_counts_with_it_also_what_comes_to_nothing(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    assert await count(redis, Change("ann", "net1")) == ["allowed"]
    requests = [submission(it, items="nothing:1") for it in ("r1", "r2")]
    answers = await submit(redis, KEYS, requests, event_id="gala", backlog_max=100, limits=LIMITS, now_ms=NOW)
    assert answers == [SubmitReply("unknown_type", "nothing"), SubmitReply("limited", "visitor:1000")]
    assert await backlog(redis, KEYS) == 0


async def test_a_limited_repeat_is_not_told_its_answer_and_may_ask_again(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")

    async def send(now_ms: int = NOW) -> list[str]:
        found = await submit(
            redis,
            KEYS,
            [submission("r1")._replace(network="net1")] * 3,
            event_id="gala",
            backlog_max=100,
            limits=LIMITS,
            now_ms=now_ms,
        )
        return [it.word for it in found]

    assert await send() == ["queued", "pending", "limited"]
    assert await send(NOW + 60_000) == ["pending", "pending", "limited"]


async def test_what_is_whole_again_is_forgotten_and_all_of_it_ends(redis: Redis) -> None:
    await count(redis, *(Change(f"visitor{n}", f"n{n}") for n in range(50)))
    await count(redis, Change("ann"), now_ms=NOW + 120_000)
    assert await redis.zcard(KEYS.turnover) == 1
    assert 0 < await redis.pttl(KEYS.turnover) <= 3_600_000
