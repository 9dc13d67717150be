"""submit.lua: decided requests get the same answer, hopeless ones a refusal, the rest are streamed once."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.store.keys import RoomKeys
from app.store.redis.backlogs import backlog
from app.store.scripts.stock import Settlement, Submission, SubmitReply, settle, submit
from tests.support.sales import KEYS, NOW, SESSION, give_sessions, put_on_sale, submission

HELD = "held|10000|EUR|1|2|floor:2:5000"


async def send(
    redis: Redis, *submissions: Submission, keys: RoomKeys = KEYS, now_ms: int = NOW, backlog_max: int = 100
) -> list[SubmitReply]:
    return await submit(redis, keys, submissions, event_id="gala", backlog_max=backlog_max, now_ms=now_ms)


async def words(redis: Redis, *submissions: Submission, now_ms: int = NOW) -> list[str]:
    return [it.word for it in await send(redis, *submissions, now_ms=now_ms)]


async def lines(redis: Redis) -> list[str]:
    """The submissions that workers have to process."""
    return [line for _, fields in await redis.xrange(KEYS.batches) for line in fields["b"].split("\n")]


async def test_a_request_goes_into_the_stream_with_all_the_worker_needs(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    assert await words(redis, submission("r1", items="floor:2,balcony:1")) == ["queued"]
    [(_, entry)] = await redis.xrange(KEYS.batches)
    assert entry["o"] == "1|gala"
    request, terms = entry["b"].split("||")
    assert request == "r1|ann|print-of-floor:2,balcony:1|web1|floor:2,balcony:1"
    assert terms.split("|") == ["13000", "EUR", str(NOW), str(NOW + 300_000), "floor:2:5000,balcony:1:3000"]


async def test_what_is_taken_in_together_is_one_entry_and_counted_one_by_one(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann", "bob")
    batch = [submission("r1"), submission("r2", "bob"), submission("r3", items="floor:1")]
    answers = await send(redis, *batch, backlog_max=2)
    assert [it.word for it in answers] == ["queued", "queued", "backlog_full"]
    assert await words(redis, submission("r4", items="floor:1")) == ["queued"]
    assert await redis.xlen(KEYS.batches) == 2
    assert await backlog(redis, KEYS) == 3


async def test_without_batches_each_has_an_entry(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann", "bob")
    traced = submission("r2", "bob")._replace(traceparent="00-1-2-01")
    batch = [submission("r1"), traced]
    await submit(redis, KEYS, batch, event_id="gala", backlog_max=100, as_one=False, now_ms=NOW)
    first, second = [fields for _, fields in await redis.xrange(KEYS.submissions)]
    assert (first["s"], first.get("t")) == ("r1|ann|print-of-floor:2|web1|floor:2", None)
    assert first["d"].startswith("1|gala|10000|EUR|")
    assert second["t"] == "00-1-2-01"
    assert not await redis.exists(KEYS.batches)
    assert await backlog(redis, KEYS) == 2
    [full] = await send(redis, submission("r3", items="floor:1"), backlog_max=2)
    assert full.word == "backlog_full"


async def test_a_repeat_waits_for_the_first_also_inside_one_batch(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    assert await words(redis, submission("r1"), submission("r1")) == ["queued", "pending"]
    assert await words(redis, submission("r1")) == ["pending"]
    assert len(await lines(redis)) == 1


async def test_a_decided_request_gets_its_old_answer_even_after_the_session(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    await send(redis, submission("r1"))
    await settle(redis, KEYS, [Settlement("1-1", "r1", submission("r1").fingerprint, "", HELD)])
    await redis.delete(KEYS.active)
    assert await send(redis, submission("r1")) == [SubmitReply("known", HELD)]


async def test_an_answer_of_yesterday_is_still_known(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    await send(redis, submission("r1"))
    tomorrow = RoomKeys(KEYS.room_id, KEYS.day + 1)
    assert (await send(redis, submission("r1"), keys=tomorrow))[0].word == "pending"


async def test_the_same_id_with_another_body_is_refused(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    assert await words(redis, submission("r1"), submission("r1", items="floor:3")) == ["queued", "reused"]


@pytest.mark.parametrize("ends_ms", [NOW - 1, NOW])
async def test_a_session_that_is_over_is_refused(redis: Redis, ends_ms: int) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann", session_ms=ends_ms)
    assert await words(redis, submission("r1")._replace(session_ms=ends_ms)) == ["session_ended"]


async def test_a_token_of_another_session_of_the_same_visitor_is_refused(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann", session_ms=SESSION + 1000)
    assert await words(redis, submission("r1"), submission("r2", "bob")) == ["session_ended"] * 2
    assert await words(redis, submission("r1")._replace(session_ms=SESSION + 1000)) == ["queued"]


async def test_a_session_may_be_used_to_its_last_millisecond(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann", session_ms=NOW + 1)
    assert await words(redis, submission("r1")._replace(session_ms=NOW + 1)) == ["queued"]


async def test_one_refusal_does_not_spoil_the_rest_of_the_batch(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann", "bob")
    answers = await send(
        redis,
        submission("r1"),
        submission("r2", "eve"),
        submission("r3", items="royal-box:1"),
        submission("r4", items="floor:11"),
        submission("r5", items="balcony:6"),
        submission("r6", "bob"),
        submission("r7", items="royal-box:2"),
    )
    assert answers == [
        SubmitReply("queued", ""),
        SubmitReply("session_ended", ""),
        SubmitReply("unknown_type", "royal-box"),
        SubmitReply("limit_exceeded", ""),
        SubmitReply("sold_out", ""),
        SubmitReply("queued", ""),
        SubmitReply("unknown_type", "royal-box"),
    ]


async def test_the_limit_counts_what_the_visitor_has(redis: Redis) -> None:
    await put_on_sale(redis, max_tickets=4)
    await give_sessions(redis, "ann")
    await redis.hset(KEYS.allowance, "ann", "2")
    assert await words(redis, submission("r1", items="floor:3")) == ["limit_exceeded"]
    assert await words(redis, submission("r2", items="floor:2")) == ["queued"]


async def test_a_visitors_last_refusal_is_repeated_and_only_the_last(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    refused = [submission(f"r{i}", items="balcony:6") for i in (1, 2)]
    assert await words(redis, *refused) == ["sold_out", "sold_out"]
    assert await send(redis, refused[1]) == [SubmitReply("known", "sold_out")]
    assert await words(redis, refused[0]) == ["sold_out"]
    assert await redis.hlen(KEYS.outcomes) == 1


async def test_a_refusal_leaves_the_session_usable(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    assert await words(redis, submission("r1", items="floor:11")) == ["limit_exceeded"]
    assert await words(redis, submission("r2")) == ["queued"]


async def test_the_backlog_has_a_cap_and_a_refused_request_may_come_again(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann", "bob", "cem")
    crowd = [submission(f"r-{name}", name) for name in ("ann", "bob", "cem")]
    answers = await send(redis, *crowd, backlog_max=2)
    assert [it.word for it in answers] == ["queued", "queued", "backlog_full"]
    assert (await send(redis, crowd[2], backlog_max=3))[0].word == "queued"


@pytest.mark.parametrize(
    ("conf", "word"), [({"event_id": "other"}, "other_event"), ({"restoring": 1}, "restoring")]
)
async def test_a_room_that_cannot_sell_this_says_so_for_the_whole_batch(
    redis: Redis, conf: dict[str, str], word: str
) -> None:
    await put_on_sale(redis)
    await redis.hset(KEYS.conf, mapping=conf)
    assert await words(redis, submission("r1"), submission("r2")) == [word, word]


async def test_a_wiped_room_is_unknown(redis: Redis) -> None:
    assert await words(redis, submission("r1")) == ["unknown"]
    assert await redis.dbsize() == 0


async def test_outcomes_are_forgotten_in_the_end(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    await send(redis, submission("r1"))
    assert 0 < await redis.ttl(KEYS.outcomes) <= 172_800


async def test_tickets_that_came_to_another_amount_are_not_asked_for(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    request = submission("r1", items="floor:2")
    assert await send(redis, request._replace(expected=9000)) == [SubmitReply("price_changed", "10000")]
    assert await words(redis, request._replace(expected=10000)) == ["queued"]
    assert len(await lines(redis)) == 1
