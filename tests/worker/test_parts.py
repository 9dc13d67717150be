"""A room in parts, with workers that run on their own."""

from __future__ import annotations

import asyncio

from app.core.model import Place
from app.core.tokens.place_tokens import new_visitor_id
from app.waiting_room import control
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join
from tests.support.builders import KEYS, ROOM, STAFF, Client, a_stored_room, token
from tests.worker.test_admission import controllers, queues, until

__all__ = ["queues"]


async def join_visitors(queues: Queues, count: int) -> list[Place]:
    joins = (join(queues, ROOM, Joiner(new_visitor_id("abcd"))) for _ in range(count))
    return [found for found, _ in await asyncio.gather(*joins)]


async def test_workers_open_gather_and_call_and_a_lone_visitor_gets_in(queues: Queues, redis: Client) -> None:
    await a_stored_room(queues.stores, parts=4, admission_rate_per_minute=60_000, claim_window_s=600)
    async with controllers(queues.stores, 2):
        await control.set_state(queues, ROOM, "open", by=STAFF)
        places = await join_visitors(queues, 1_500)
        await until(queues, "everybody is called", lambda now: now.called == 1_500)
        (late,) = await join_visitors(queues, 1)
        await until(queues, "who came late is called", lambda now: now.called == 1_501)
        inside, _ = await claim(queues, ROOM, token(late.visitor_id, late.token_number))
        assert inside.state == "active"
    numbers = {it.visitor_id: it.queue_number for it in (*places, late)}
    turns = {it: int(number) for it, number in (await redis.hgetall(KEYS.turns)).items()}
    assert turns == numbers


async def test_a_part_that_is_lost_is_found_by_a_worker(queues: Queues, redis: Client) -> None:
    settings = {"admission_rate_per_minute": 0, "restore_window_s": 0}
    await a_stored_room(queues.stores, parts=4, **settings)  # type: ignore[arg-type]
    async with controllers(queues.stores):
        await control.set_state(queues, ROOM, "open", by=STAFF)
        await join_visitors(queues, 40)
        await until(queues, "all are gathered", lambda now: now.waiting == 40)
        await redis.flushall()
        await until(queues, "the room is restored", lambda now: now.epoch > 1)
        (ann,) = await join_visitors(queues, 1)
        await until(queues, "who joined then waits", lambda now: now.waiting == 1)
        assert await redis.zscore(KEYS.waiting, ann.visitor_id) == ann.queue_number
