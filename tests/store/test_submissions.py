"""Streams of submissions: what workers meet there besides submissions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import ResponseError

from app.store.keys import RoomKeys
from app.store.redis import submissions
from app.store.scripts.stock import GROUP, Settlement
from tests.support.builders import KEYS, Client

ENTRY = {"s": "r1|ann|print|web1|floor:2"}


async def consumers(redis: Client) -> set[str]:
    """The consumers of the stream."""
    return {it["name"] for it in await redis.xinfo_consumers(KEYS.submissions, GROUP)}


async def test_an_entry_deleted_while_a_worker_had_it_is_not_pending_for_ever(redis: Client) -> None:
    await submissions.open_groups(redis, KEYS)
    gone, left = await redis.xadd(KEYS.submissions, ENTRY), await redis.xadd(KEYS.submissions, ENTRY)
    assert [it.message_id for it in await submissions.read_new(redis, KEYS, "ann")] == [gone, left]
    await redis.xdel(KEYS.submissions, gone)
    assert [it.message_id for it in await submissions.read_own(redis, KEYS, "ann")] == [left]
    assert (await redis.xpending(KEYS.submissions, GROUP))["pending"] == 1
    (message,) = await submissions.read_own(redis, KEYS, "ann")
    await submissions.drop(redis, KEYS, message)
    assert await submissions.read_own(redis, KEYS, "ann") == []
    assert not await redis.xlen(KEYS.submissions)


async def test_consumers_that_were_killed_long_ago_are_forgotten_unless_they_left_work(
    redis: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submissions.forget_dead(redis, KEYS)  # no stream yet
    await submissions.open_groups(redis, KEYS)
    await redis.xadd(KEYS.submissions, ENTRY)
    await submissions.read_new(redis, KEYS, "has work")
    await submissions.read_new(redis, KEYS, "idle")
    await submissions.forget_dead(redis, KEYS)  # an hour has not passed
    assert await consumers(redis) == {"has work", "idle"}
    monkeypatch.setattr(submissions, "DEAD_MS", -1)
    await submissions.forget_dead(redis, KEYS)
    assert await consumers(redis) == {"has work"}


async def test_without_a_stream_or_a_group_there_is_nothing_to_do(redis: Client) -> None:
    await redis.xadd(KEYS.submissions, ENTRY)  # a stream without a group, and one that does not exist
    assert await submissions.deliveries(redis, KEYS, "ann") == 0
    assert await submissions.take_over(redis, KEYS, "ann", 0) == 0
    await submissions.leave_group(redis, KEYS, "ann")
    await submissions.forget_dead(redis, KEYS)


@pytest.mark.parametrize(
    "call",
    [
        lambda redis, keys: submissions.open_groups(redis, keys),
        lambda redis, keys: submissions.read_new(redis, keys, "ann"),
        lambda redis, keys: submissions.deliveries(redis, keys, "ann"),
        lambda redis, keys: submissions.take_over(redis, keys, "ann", 0),
        lambda redis, keys: submissions.leave_group(redis, keys, "ann"),
        lambda redis, keys: submissions.forget_dead(redis, keys),
    ],
    ids=["open_groups", "read_new", "deliveries", "take_over", "leave_group", "forget_dead"],
)
async def test_a_key_of_another_kind_is_not_taken_for_a_missing_stream(
    redis: Client, call: Callable[[Client, RoomKeys], Awaitable[object]]
) -> None:
    await redis.set(KEYS.submissions, "text")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await call(redis, KEYS)


async def test_a_script_that_fails_is_not_hidden_by_the_command_that_shares_its_round_trip(
    redis: Client,
) -> None:
    settlement = Settlement("1-1", "r1", "print", "web1", "held|ann")
    await submissions.open_groups(redis, KEYS)
    await submissions.settle_and_read(redis, KEYS, [settlement], "ann")  # the server knows the script now
    await redis.set(KEYS.outcomes, "text", px=60_000)
    with pytest.raises(ResponseError, match=r"settle\.lua"):
        await submissions.settle_and_read(redis, KEYS, [settlement], "ann")
