"""settle.lua: outcomes are stored, published once per instance, and their submissions leave the stream."""

from __future__ import annotations

from redis.asyncio import Redis

from app.store.keys import OUTCOME_CHANNEL
from app.store.redis import backlogs, submissions
from app.store.scripts.stock import GROUP, Settlement, settle, submit
from tests.support.sales import KEYS, NOW, give_sessions, put_on_sale, submission
from tests.support.waiting import wait_until

OUTCOME = "held|10000|EUR|1|2|floor:2:5000"


async def submitted(redis: Redis, *reservation_ids: str) -> list[str]:
    """Message ids of requests that a worker has read."""
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    await redis.xgroup_create(KEYS.submissions, GROUP, "0", mkstream=True)
    batch = [submission(it) for it in reservation_ids]
    await submit(redis, KEYS, batch, event_id="gala", backlog_max=100, as_one=False, now_ms=NOW)
    [(_, messages)] = await redis.xreadgroup(GROUP, "worker1", {KEYS.submissions: ">"})
    return [message_id for message_id, _ in messages]


async def test_settled_requests_leave_the_stream_and_their_outcome_stays(redis: Redis) -> None:
    first, second = await submitted(redis, "r1", "r2")
    assert await settle(redis, KEYS, [Settlement(first, "r1", "print", "", OUTCOME)]) == 1
    assert await redis.xlen(KEYS.submissions) == 1
    assert (await redis.xpending(KEYS.submissions, GROUP))["min"] == second
    assert await redis.hget(KEYS.outcomes, "r1") == f"print|{OUTCOME}"
    assert 0 < await redis.ttl(KEYS.outcomes) <= 172_800


async def test_a_batch_leaves_as_a_whole_and_once(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    for names in (("r1", "r2"), ("r3",)):
        batch = [submission(it, items="floor:1") for it in names]
        await submit(redis, KEYS, batch, event_id="gala", backlog_max=100, now_ms=NOW)
    messages = await submissions.read_new(redis, KEYS, "worker1")
    assert [it.reservation_id for it in messages] == ["r1", "r2", "r3"]
    settlements = [
        Settlement(it.message_id, it.reservation_id, it.fingerprint, it.instance, OUTCOME)
        for it in messages[:2]
    ]
    assert [await settle(redis, KEYS, settlements) for _ in range(2)] == [2, 0]
    assert [it.reservation_id for it in await submissions.read_own(redis, KEYS, "worker1")] == ["r3"]
    assert await backlogs.unsettled(redis, KEYS) == ["r3"]
    assert await backlogs.backlog(redis, KEYS) == 1


async def test_settling_twice_does_no_harm(redis: Redis) -> None:
    [message] = await submitted(redis, "r1")
    settlement = Settlement(message, "r1", "print", "", OUTCOME)
    assert await settle(redis, KEYS, [settlement]) == 1
    assert await settle(redis, KEYS, [settlement]) == 0
    assert await redis.hget(KEYS.outcomes, "r1") == f"print|{OUTCOME}"


async def test_each_instance_gets_one_message_with_its_own_outcomes(redis: Redis) -> None:
    messages = await submitted(redis, "r1", "r2", "r3", "r4")
    instances = ["web1", "web2", "web1", ""]
    async with redis.pubsub() as subscription:
        await subscription.psubscribe(OUTCOME_CHANNEL + "*")
        await settle(
            redis,
            KEYS,
            [
                Settlement(message, f"r{i}", "print", instance, f"sold_out|v{i}")
                for i, (message, instance) in enumerate(zip(messages, instances, strict=True), 1)
            ],
        )
        published: dict[str, str] = {}

        async def both() -> bool:
            message = await subscription.get_message(ignore_subscribe_messages=True)
            if message is not None:
                assert message["channel"] not in published
                published[message["channel"]] = message["data"]
            return len(published) == 2

        await wait_until(both, "a message for each instance")
    assert published == {
        OUTCOME_CHANNEL + "web1": "r1|sold_out|v1\nr3|sold_out|v3",
        OUTCOME_CHANNEL + "web2": "r2|sold_out|v2",
    }


async def test_an_empty_batch_is_nothing(redis: Redis) -> None:
    assert await settle(redis, KEYS, []) == 0


async def test_what_nobody_waits_for_only_leaves_the_stream(redis: Redis) -> None:
    [message] = await submitted(redis, "r1")
    before = await redis.hgetall(KEYS.outcomes)
    assert await settle(redis, KEYS, [Settlement(message, "r1", "print", "web1", "")]) == 1
    assert await redis.hgetall(KEYS.outcomes) == before
