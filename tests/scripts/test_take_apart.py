"""take_apart.lua: each submission of a batch gets its own entry, and none is lost or duplicated."""

from __future__ import annotations

from redis.asyncio import Redis

from app.store.redis import backlogs, submissions
from app.store.scripts.stock import Settlement, settle, submit, take_apart
from tests.support.sales import KEYS, NOW, give_sessions, put_on_sale, submission


async def test_a_batch_becomes_entries_that_are_read_as_before(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann", "bob")
    batch = [submission("r1")._replace(traceparent="00-1-2-01"), submission("r2", "bob", "floor:1,balcony:1")]
    await submit(redis, KEYS, batch, event_id="gala", backlog_max=100, now_ms=NOW)
    before = await submissions.read_new(redis, KEYS, "worker1")
    ids = submissions.batches_of(before)
    assert [await take_apart(redis, KEYS, ids) for _ in range(2)] == [2, 0]
    assert await submissions.read_own(redis, KEYS, "worker1") == []
    after = await submissions.read_new(redis, KEYS, "worker1")
    assert [it[1:] for it in after] == [it[1:] for it in before]
    assert await backlogs.backlog(redis, KEYS) == 2
    assert await backlogs.unsettled(redis, KEYS) == ["r1", "r2"]
    [first, second] = [Settlement(it.message_id, it.reservation_id, "", "", "") for it in after]
    assert await settle(redis, KEYS, [first]) == 1
    assert await backlogs.unsettled(redis, KEYS) == ["r2"]
    assert await settle(redis, KEYS, [first, second]) == 1
    assert await backlogs.backlog(redis, KEYS) == 0


async def test_what_cannot_be_read_is_kept_as_it_is(redis: Redis) -> None:
    await redis.xadd(KEYS.batches, {"o": "1|gala", "b": "no request"})
    await redis.hset(KEYS.batched, "taken", "1")
    [before] = await submissions.read_new(redis, KEYS, "worker1")
    assert await take_apart(redis, KEYS, submissions.batches_of([before])) == 1
    [after] = await submissions.read_new(redis, KEYS, "worker1")
    assert (before.reservation_id, after.reservation_id) == ("", "")
    assert "no request" in after.items
