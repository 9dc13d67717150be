"""A room in parts with everything at once: joins, repeats, leaves, workers that die between any two steps,
lost parts, restores. Whatever happens, every visitor has one place and nobody is lost.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from app.core.assurance.fairness import judge
from app.core.model import Place, VisitorId
from app.core.tokens.place_tokens import new_visitor_id
from app.core.waiting_room.parts import part_id
from app.settings import Settings
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis.loaded import note_outdated
from app.store.scripts import parts as scripts
from app.store.scripts.admission import admit
from app.store.scripts.room import NotLoaded
from app.waiting_room import control
from app.waiting_room.gathering import PartsSeen, gather
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, join, leave, open_queues, place, status
from app.waiting_room.queue_numbers import reserve_numbers
from tests.support.builders import KEYS, ROOM, STAFF, Client, a_stored_room, token

PARTS = 3
STEPS = 45
CALLS = 4  # per tick


@dataclass
class World:
    """What the visitors know; nothing else may be relied on."""

    queues: Queues
    redis: Client
    random: Random
    tokens: dict[VisitorId, tuple[int, int]] = field(default_factory=dict)  # number and epoch
    unanswered: list[VisitorId] = field(default_factory=list)  # visitors whose answer to a join was lost
    left: set[VisitorId] = field(default_factory=set)
    numbers: dict[int, VisitorId] = field(default_factory=dict)
    called: list[int] = field(default_factory=list)

    def record(self, found: Place, epoch: int) -> None:
        """A visitor got an answer; a number belongs to one visitor for ever."""
        assert found.token_number is not None
        assert self.numbers.setdefault(found.token_number, found.visitor_id) == found.visitor_id
        self.tokens[found.visitor_id] = found.token_number, epoch

    def any_visitor(self) -> VisitorId | None:
        """A visitor who has a token and has not left."""
        return self.random.choice(sorted(self.tokens)) if self.tokens else None

    async def join_many(self) -> None:
        """Several join at once; some answers are lost, and some requests are sent twice."""
        new = [new_visitor_id("abcd") for _ in range(self.random.randint(1, 40))]
        sent = [it for it in new for _ in range(1 + (self.random.random() < 0.2))]
        answers = await asyncio.gather(*(join(self.queues, ROOM, Joiner(it)) for it in sent))
        for visitor_id, (found, now) in zip(sent, answers, strict=True):
            if self.random.random() < 0.1 and visitor_id not in self.tokens:
                self.unanswered.append(visitor_id)
            else:
                self.record(found, now.epoch)
        self.unanswered = [it for it in self.unanswered if it not in self.tokens]

    async def join_again(self) -> None:
        """Join again: a visitor with a place, with or without their token, or one whose answer was lost."""
        unanswered = self.unanswered and self.random.random() < 0.5
        visitor_id = self.unanswered.pop() if unanswered else self.any_visitor()
        if visitor_id is None:
            return
        with_token = visitor_id in self.tokens and self.random.random() < 0.5
        known = token(visitor_id, *self.tokens[visitor_id]) if with_token else None
        found, now = await join(self.queues, ROOM, Joiner(visitor_id, claims=known))
        before = self.tokens.get(visitor_id)
        if before and visitor_id not in self.left:
            assert found.token_number == before[0], "a place is kept"
        self.left.discard(visitor_id)
        self.record(found, now.epoch)

    async def check_place(self) -> None:
        """A visitor asks for their place."""
        if (visitor_id := self.any_visitor()) and visitor_id not in self.left:
            found, now = await place(self.queues, ROOM, token(visitor_id, *self.tokens[visitor_id]))
            assert found.state in ("waiting", "called")
            self.record(found, now.epoch)

    async def leave_queue(self) -> None:
        """A visitor gives up their place."""
        if visitor_id := self.any_visitor():
            await leave(self.queues, ROOM, token(visitor_id, *self.tokens[visitor_id]))
            self.left.add(visitor_id)

    async def run_workers(self) -> None:
        """Two workers tick; each may die anywhere."""
        await self.supply_numbers()
        workers = [asyncio.create_task(gather(self.queues.stores.redis, ROOM, PartsSeen())) for _ in range(2)]
        for worker in workers:
            for _ in range(self.random.randint(0, 400)):
                await asyncio.sleep(0)
            if self.random.random() < 0.5:
                worker.cancel()
        for worker in workers:
            with suppress(asyncio.CancelledError):
                try:
                    await worker
                except NotLoaded:
                    await self.restore()

    async def supply_numbers(self) -> None:
        """Reserve numbers and end a round."""
        await reserve_numbers(self.queues.stores, ROOM)
        now = await scripts.rounds(self.redis, KEYS)
        await scripts.rounds(self.redis, KEYS, after=now.number, hurry=1)

    async def tick(self) -> None:
        """A tick of the controller, which calls in the order of numbers."""
        before = set(await self.redis.hgetall(KEYS.turns))
        await admit(self.redis, KEYS, limit=CALLS)
        turns = await self.redis.hgetall(KEYS.turns)
        new = sorted(int(turns[it]) for it in turns.keys() - before)
        assert not new or not self.called or new[0] > self.called[-1], "nobody is overtaken"
        self.called += new

    async def lose_a_part(self) -> None:
        """A node of the cluster comes back empty."""
        keys = RoomKeys(part_id(ROOM, self.random.randrange(PARTS)))
        await self.redis.delete(keys.part, keys.arrivals)
        await gather(self.queues.stores.redis, ROOM, PartsSeen())
        await self.restore()

    async def lose_a_second(self) -> None:
        """The room's own server may have lost the last second."""
        await note_outdated(self.redis, KEYS)
        await self.restore()

    async def restore(self) -> None:
        """All waiting visitors return before anybody is called, as `restore_window_s` allows."""
        await status(self.queues, ROOM)
        for _ in range(2):
            await gather(self.queues.stores.redis, ROOM, PartsSeen())
        for visitor_id in sorted(self.tokens.keys() - self.left):
            found, now = await place(self.queues, ROOM, token(visitor_id, *self.tokens[visitor_id]))
            assert (found.state in ("waiting", "called"), found.token_number) == (
                True,
                self.tokens[visitor_id][0],
            )
            self.record(found, now.epoch)

    async def finish(self) -> None:
        """Everything is gathered: everybody has the place they were given, once."""
        for visitor_id in list(self.unanswered):
            found, now = await join(self.queues, ROOM, Joiner(visitor_id))
            self.record(found, now.epoch)
        await self.supply_numbers()
        await gather(self.queues.stores.redis, ROOM, PartsSeen())
        waits = {VisitorId(it): int(number) for it, number in await _waiting(self.redis)}
        turns = {VisitorId(it): int(number) for it, number in (await self.redis.hgetall(KEYS.turns)).items()}
        assert not waits.keys() & turns.keys()
        here = self.tokens.keys() - self.left
        assert waits | turns == {it: self.tokens[it][0] for it in here}


async def _waiting(redis: Client) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = await redis.zrange(KEYS.waiting, 0, -1, withscores=True)
    return found


@pytest.fixture
async def world(stores: Stores, redis: Client, request: pytest.FixtureRequest) -> World:
    queues = open_queues(stores, Settings(rate_limits=False))
    settings: dict[str, Any] = {"parts": PARTS, "admission_rate_per_minute": 60_000_000}
    await a_stored_room(stores, claim_window_s=86_400, restore_window_s=0, **settings)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await reserve_numbers(stores, ROOM)
    await gather(stores.redis, ROOM, PartsSeen())
    return World(queues, redis, Random(request.param))


@pytest.mark.parametrize("world", range(6), indirect=True)
async def test_one_place_for_each_and_nobody_lost(world: World) -> None:
    usual = [
        world.join_many,
        world.join_again,
        world.check_place,
        world.leave_queue,
        world.run_workers,
        world.tick,
    ]
    rare = [world.lose_a_part, world.lose_a_second]
    for _ in range(STEPS):
        await world.random.choice(usual if world.random.random() < 0.95 else rare)()
    await world.finish()
    leaves = [
        f"{entry['t']} {line}"
        for _, entry in await world.redis.xrange(KEYS.log)
        for line in entry["e"].split("\n")
    ]
    assert judge([f"{leaves[0].split(' ')[0]} began hall - fifo -", *leaves]).findings == []
