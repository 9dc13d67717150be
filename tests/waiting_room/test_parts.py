"""A room in parts: joins are spread over hash tags, and there is still a single queue."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.core.errors import RoomClosed, RoomNotOpen, ValidationFailed
from app.core.model import Place, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.core.tokens.place_tokens import new_visitor_id
from app.core.waiting_room.parts import part_id, part_of
from app.restoring.room import rebuild_room
from app.settings import Settings
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.scripts import parts as scripts
from app.store.scripts.admission import admit
from app.store.scripts.room import NotLoaded
from app.waiting_room import control
from app.waiting_room.gathering import PartsSeen, gather
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join, leave, open_queues, place, status
from app.waiting_room.queue_numbers import reserve_numbers
from tests.support.builders import KEYS, ROOM, STAFF, Client, a_stored_room, a_visitor, token

PARTS = 4


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


def newcomer() -> VisitorId:
    return new_visitor_id("abcd")


async def an_open_room(queues: Queues, **settings: Any) -> None:
    """A room whose parts are open, as after a worker's first tick."""
    defaults: dict[str, Any] = {"parts": PARTS, "admission_rate_per_minute": 0}
    await a_stored_room(queues.stores, **(defaults | settings))
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await reserve_numbers(queues.stores, ROOM)
    await gather(queues.stores.redis, ROOM, PartsSeen())


async def join_visitors(queues: Queues, count: int) -> list[Place]:
    answers = await asyncio.gather(*(join(queues, ROOM, Joiner(newcomer())) for _ in range(count)))
    return [found for found, _ in answers]


async def all_gathered(queues: Queues) -> None:
    """End the round and let a worker tick."""
    await reserve_numbers(queues.stores, ROOM)
    now = await scripts.rounds(queues.stores.redis, KEYS)
    await scripts.rounds(queues.stores.redis, KEYS, after=now.number, hurry=1)
    await gather(queues.stores.redis, ROOM, PartsSeen())


async def waiting(redis: Client) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = await redis.zrange(KEYS.waiting, 0, -1, withscores=True)
    return found


def claims(found: Place, epoch: int = 1) -> PlaceClaims:
    return token(found.visitor_id, found.token_number, epoch)


async def test_everybody_is_in_one_queue_by_their_numbers(queues: Queues, redis: Client) -> None:
    await an_open_room(queues)
    places = await join_visitors(queues, 300)
    assert all(it.state == "waiting" and it.new and it.about for it in places)
    assert len({it.queue_number for it in places}) == 300
    assert {part_of(it.visitor_id, PARTS) for it in places} == set(range(PARTS))
    await all_gathered(queues)
    numbers = {it.visitor_id: float(it.queue_number or 0) for it in places}
    assert dict(await waiting(redis)) == numbers
    last = max(places, key=lambda it: it.queue_number or 0)
    exact, now = await place(queues, ROOM, claims(last))
    assert (exact.state, exact.ahead, exact.queue_number, exact.about) == (
        "waiting",
        299,
        last.queue_number,
        False,
    )
    assert now.waiting == 300


async def test_who_joins_a_round_earlier_is_before_who_joins_it_later(queues: Queues) -> None:
    await an_open_room(queues)
    before = await join_visitors(queues, 50)
    await all_gathered(queues)
    after = await join_visitors(queues, 50)
    assert max(it.queue_number or 0 for it in before) < min(it.queue_number or 0 for it in after)


async def test_one_visitor_has_one_place_on_the_way_and_in_the_room(queues: Queues) -> None:
    await an_open_room(queues)
    ann = newcomer()
    answers = await asyncio.gather(*(join(queues, ROOM, Joiner(ann)) for _ in range(30)))
    assert len({found.queue_number for found, _ in answers}) == 1
    assert sum(found.new for found, _ in answers) == 1
    first = answers[0][0]
    again, _ = await join(queues, ROOM, Joiner(ann, claims=claims(first)))
    assert (again.new, again.queue_number) == (False, first.queue_number)
    await all_gathered(queues)
    for known in (None, claims(first)):
        again, now = await join(queues, ROOM, Joiner(ann, claims=known))
        assert (again.new, again.queue_number, now.waiting) == (False, first.queue_number, 1)


async def test_an_account_joins_without_a_token_and_has_one_place(queues: Queues) -> None:
    await an_open_room(queues)
    account = a_visitor()  # as long as an account's id
    first, _ = await join(queues, ROOM, Joiner(account, network="abcd"))
    assert first.new
    await all_gathered(queues)
    again, now = await join(queues, ROOM, Joiner(account, network="abcd"))
    assert (again.new, again.queue_number, now.waiting) == (False, first.queue_number, 1)
    assert await queues.stores.redis.hget(KEYS.networks, account) == "abcd"


async def test_on_the_way_a_place_can_be_asked_for_and_given_up(queues: Queues, redis: Client) -> None:
    await an_open_room(queues)
    ann, bob = await join_visitors(queues, 2)
    found, _ = await place(queues, ROOM, claims(ann))
    assert (found.state, found.queue_number, found.ahead) == ("waiting", ann.queue_number, 0)
    assert (await claim(queues, ROOM, claims(ann)))[0].state == "waiting"
    await leave(queues, ROOM, claims(ann))
    assert (await place(queues, ROOM, claims(ann)))[0].state == "left"
    await control.remove(queues, ROOM, bob.visitor_id, by=STAFF)
    await all_gathered(queues)
    assert await waiting(redis) == []


async def test_an_account_leaves_on_the_way_without_a_token(queues: Queues, redis: Client) -> None:
    await an_open_room(queues)
    account = a_visitor()
    await join(queues, ROOM, Joiner(account))
    await leave(queues, ROOM, PlaceClaims(room_id=ROOM, visitor_id=account, queue_number=None, epoch=-1))
    await all_gathered(queues)
    assert await waiting(redis) == []


async def test_who_left_joins_again_at_the_end(queues: Queues, redis: Client) -> None:
    await an_open_room(queues)
    ann, bob = await join_visitors(queues, 2)
    await all_gathered(queues)
    await leave(queues, ROOM, claims(ann))
    for known in (claims(ann), None):
        again, _ = await join(queues, ROOM, Joiner(ann.visitor_id, claims=known))
        assert again.queue_number is not None
        assert again.queue_number > max(ann.queue_number or 0, bob.queue_number or 0)
        await all_gathered(queues)
    assert [it for it, _ in await waiting(redis)] == [bob.visitor_id, ann.visitor_id]


async def test_several_tickets_are_wanted_from_the_join_on(queues: Queues) -> None:
    await an_open_room(queues)
    ann = newcomer()
    with pytest.raises(Exception, match="ticket"):
        await join(queues, ROOM, Joiner(ann, quantity=3))  # a room without an event sells no tickets


async def test_calls_are_in_the_order_of_numbers(queues: Queues, redis: Client) -> None:
    await an_open_room(queues, admission_rate_per_minute=60_000, burst=1_000, active_visitors_max=None)
    places = await join_visitors(queues, 100)
    assert all(it.state == "waiting" for it in places)  # nobody is called immediately
    await admit(redis, KEYS, limit=2_000)
    assert await redis.zcard(KEYS.called) == 0
    await all_gathered(queues)
    tick = await admit(redis, KEYS, limit=60)
    assert tick.calls == 60
    turns = sorted(int(it) for it in (await redis.hgetall(KEYS.turns)).values())
    assert turns == sorted(it.queue_number or 0 for it in places)[:60]


async def test_a_pre_queue_in_parts_becomes_the_queue(queues: Queues, redis: Client) -> None:
    await a_stored_room(queues.stores, parts=PARTS, admission_rate_per_minute=0)
    await control.configure(queues, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
    await admit(redis, KEYS, limit=0)
    await reserve_numbers(queues.stores, ROOM)
    await gather(queues.stores.redis, ROOM, PartsSeen())
    (ann,) = await join_visitors(queues, 1)
    assert (ann.state, ann.queue_number) == ("prequeue", None)
    assert (await place(queues, ROOM, claims(ann)))[0].state == "prequeue"
    await all_gathered(queues)
    assert await redis.zscore(KEYS.prequeue, ann.visitor_id) == ann.token_number
    await control.set_state(queues, ROOM, "open", by=STAFF)
    assert await waiting(redis) == [(ann.visitor_id, float(ann.token_number or 0))]


async def test_a_closed_room_takes_nobody(queues: Queues) -> None:
    await a_stored_room(queues.stores, parts=PARTS)
    with pytest.raises(RoomNotOpen):
        await join(queues, ROOM, Joiner(newcomer()))
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await control.set_state(queues, ROOM, "close", by=STAFF)
    with pytest.raises(RoomClosed):
        await join(open_queues(queues.stores, Settings(rate_limits=False)), ROOM, Joiner(newcomer()))


async def test_a_part_that_was_lost_restores_the_room_and_nobody_is(queues: Queues, redis: Client) -> None:
    await an_open_room(queues, restore_window_s=0)
    places = await join_visitors(queues, 40)
    await all_gathered(queues)
    late = await join_visitors(queues, 40)  # in flight when a part is lost
    await redis.delete(RoomKeys(part_id(ROOM, 0)).part, RoomKeys(part_id(ROOM, 0)).arrivals)
    await gather(queues.stores.redis, ROOM, PartsSeen())
    with pytest.raises(NotLoaded):
        await scripts.rounds(redis, KEYS)
    assert await rebuild_room(queues.stores, ROOM)
    await gather(queues.stores.redis, ROOM, PartsSeen())
    for it in (*places, *late):
        found, now = await place(queues, ROOM, claims(it))
        assert (found.state, found.queue_number, now.epoch) == ("waiting", it.queue_number, 2)
    await all_gathered(queues)
    numbers = {it.visitor_id: float(it.queue_number or 0) for it in (*places, *late)}
    assert dict(await waiting(redis)) == numbers
    (new,) = await join_visitors(queues, 1)
    assert (new.queue_number or 0) > max(numbers.values())


async def test_after_redis_was_lost_tokens_bring_everybody_back(queues: Queues, redis: Client) -> None:
    await an_open_room(queues, restore_window_s=0)
    places = await join_visitors(queues, 30)
    await all_gathered(queues)
    late = await join_visitors(queues, 30)
    await redis.flushall()
    await status(queues, ROOM)
    await gather(queues.stores.redis, ROOM, PartsSeen())
    for it in (*places, *late):
        again, _ = await join(queues, ROOM, Joiner(it.visitor_id, claims=claims(it)))
        assert (again.queue_number, again.new) == (it.queue_number, False)
    assert len(await waiting(redis)) == 60


async def test_a_worker_that_was_overtaken_moves_nobody(queues: Queues, redis: Client) -> None:
    await an_open_room(queues)
    (ann,) = await join_visitors(queues, 1)
    await all_gathered(queues)
    now = await scripts.rounds(redis, KEYS)
    stale = {"epoch": now.epoch, "expected": 0, "to": now.gathered_to}
    await redis.zrem(KEYS.waiting, ann.visitor_id)
    assert not await scripts.gather(redis, KEYS, [(ann.visitor_id, ann.queue_number or 0)], **stale)
    assert await waiting(redis) == []


async def test_workers_at_once_move_each_visitor_once(queues: Queues, redis: Client) -> None:
    await an_open_room(queues)
    places = await join_visitors(queues, 200)
    now = await scripts.rounds(redis, KEYS)
    await scripts.rounds(redis, KEYS, after=now.number, hurry=1)
    await asyncio.gather(*(gather(queues.stores.redis, ROOM, PartsSeen()) for _ in range(5)))
    assert len(await waiting(redis)) == 200
    assert (await redis.hget(KEYS.meter, "joined")) == "200"
    assert len(places) == 200


@pytest.mark.parametrize(
    "other",
    [{"queueing_method": "lottery"}, {"members_only": True}, {"lanes": [{"name": "Club", "share": 9}]}],
)
async def test_parts_cannot_be_combined(queues: Queues, other: dict[str, Any]) -> None:
    await a_stored_room(queues.stores)
    with pytest.raises(ValidationFailed) as refused:
        await control.configure(queues, ROOM, {"parts": 2, **other}, by=STAFF)
    assert refused.value.members["errors"][0]["field"] == "parts"


async def test_parts_are_fixed_once_people_may_have_joined(queues: Queues) -> None:
    await an_open_room(queues)
    with pytest.raises(ValidationFailed) as refused:
        await control.configure(queues, ROOM, {"parts": 8}, by=STAFF)
    assert refused.value.members["errors"][0]["field"] == "parts"
    await control.configure(queues, ROOM, {"name": "Another", "parts": PARTS}, by=STAFF)
