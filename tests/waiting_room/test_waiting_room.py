"""The waiting room as visitors experience it. Read it as a tutorial of the queue."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.core import errors
from app.core.model import Place, RoomId, RoomSettings, RoomState
from app.core.tokens.claims import PlaceClaims
from app.core.waiting_room.rules import draw_of
from app.settings import Settings
from app.store.connections import Stores
from app.store.scripts.admission import Tick, admit
from app.waiting_room import control, room_lists
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join, leave, open_queues, place, status
from app.waiting_room.queue_numbers import draw_batch, reserve_numbers
from tests.support.builders import KEYS, ROOM, SEED, STAFF, a_stored_room, a_visitor, stock, token


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


async def an_open_room(queues: Queues, state: RoomState = "open", **settings: Any) -> None:
    """Created in Postgres, loaded into Redis, opened by staff."""
    await a_stored_room(queues.stores, **settings)
    if state in ("open", "paused", "closed"):
        await control.set_state(queues, ROOM, "open", by=STAFF)
    if state == "paused":
        await control.set_state(queues, ROOM, "pause", by=STAFF)
    if state == "closed":
        await control.set_state(queues, ROOM, "close", by=STAFF)


async def tick(queues: Queues) -> Tick:
    return await admit(queues.stores.redis, KEYS, limit=2_000)


async def join_visitors(queues: Queues, count: int = 1) -> list[Place]:
    answers = await asyncio.gather(*(join(queues, ROOM, Joiner(a_visitor())) for _ in range(count)))
    return [found for found, _ in answers]


def claims(found: Place, epoch: int = 1) -> PlaceClaims:
    return token(found.visitor_id, found.token_number, epoch)


async def test_with_no_crowd_a_visitor_walks_straight_in(queues: Queues) -> None:
    await an_open_room(queues)
    (ann,) = await join_visitors(queues)
    assert (ann.state, ann.queue_number, ann.new) == ("called", 1, True)
    inside, now = await claim(queues, ROOM, claims(ann))
    assert (inside.state, inside.new, now.active) == ("active", True, 1)
    assert inside.session_expires_at_ms % 1000 == 0


async def test_a_crowd_stands_in_the_order_it_came(queues: Queues) -> None:
    await an_open_room(queues, "paused")
    found = await join_visitors(queues, 1_200)
    assert [it.queue_number for it in found] == list(range(1, 1_201))
    exact, now = await place(queues, ROOM, claims(found[-1]))
    assert (exact.state, exact.ahead, now.waiting, now.state) == ("waiting", 1_199, 1_200, "paused")


async def test_one_visitor_has_one_place_whatever_they_do(queues: Queues) -> None:
    await an_open_room(queues, "paused")
    ann = a_visitor()
    answers = await asyncio.gather(*(join(queues, ROOM, Joiner(ann)) for _ in range(50)))
    assert {found.queue_number for found, _ in answers} == {1}
    assert sum(found.new for found, _ in answers) == 1


async def test_the_session_is_in_postgres_before_the_visitor_hears_of_it(queues: Queues) -> None:
    await an_open_room(queues)
    (ann,) = await join_visitors(queues)
    first, _ = await claim(queues, ROOM, claims(ann))
    again, _ = await claim(queues, ROOM, claims(ann))
    assert (first.new, again.new) == (True, False)
    (row,) = await queues.stores.postgres.fetch("SELECT * FROM sessions")
    assert (row["visitor_id"], row["queue_number"]) == (ann.visitor_id, 1)
    assert row["expires_at"].timestamp() * 1000 == first.session_expires_at_ms == again.session_expires_at_ms


async def test_ending_a_session_is_remembered(queues: Queues) -> None:
    await an_open_room(queues)
    (ann,) = await join_visitors(queues)
    await claim(queues, ROOM, claims(ann))
    await leave(queues, ROOM, claims(ann))
    await leave(queues, ROOM, claims(ann))
    assert await queues.stores.postgres.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == 0
    with pytest.raises(errors.SessionDone):
        await claim(queues, ROOM, claims(ann))
    again, _ = await join(queues, ROOM, Joiner(ann.visitor_id, claims(ann)))
    assert (again.queue_number, again.new) == (2, True)


async def test_a_claim_while_waiting_is_the_place(queues: Queues) -> None:
    await an_open_room(queues, "paused")
    (ann,) = await join_visitors(queues)
    found, _ = await claim(queues, ROOM, claims(ann))
    assert (found.state, found.ahead, found.new) == ("waiting", 0, False)


async def test_what_ended_is_told_by_place_and_refused_by_claim(queues: Queues) -> None:
    await an_open_room(queues, "paused")
    ann, bob = await join_visitors(queues, 2)
    await leave(queues, ROOM, claims(ann))
    await control.remove(queues, ROOM, bob.visitor_id, by=STAFF)
    assert [(await place(queues, ROOM, claims(it)))[0].state for it in (ann, bob)] == ["left", "removed"]
    with pytest.raises(errors.LeftQueue):
        await claim(queues, ROOM, claims(ann))
    with pytest.raises(errors.RemovedFromQueue):
        await claim(queues, ROOM, claims(bob))
    with pytest.raises(errors.RemovedByStaff):
        await join(queues, ROOM, Joiner(bob.visitor_id, claims(bob)))


async def test_who_has_no_place_is_told_so(queues: Queues) -> None:
    await an_open_room(queues)
    for ask in (place, claim):
        with pytest.raises(errors.PlaceNotFound):
            await ask(queues, ROOM, token(a_visitor(), 99))


async def test_an_account_that_never_joined_has_no_place_in_a_lottery_either(queues: Queues) -> None:
    await a_stored_room(queues.stores, queueing_method="lottery")
    await control.configure(queues, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
    assert (await tick(queues)).status.state == "prequeue"
    with pytest.raises(errors.PlaceNotFound):
        await place(queues, ROOM, token(a_visitor(), None, epoch=-1))
    assert (await tick(queues)).status.waiting == 0


@pytest.mark.parametrize(
    ("state", "refusal"), [("scheduled", errors.RoomNotOpen), ("closed", errors.RoomClosed)]
)
async def test_a_room_that_is_not_open_says_why(
    queues: Queues, state: RoomState, refusal: type[errors.Refusal]
) -> None:
    await an_open_room(queues, state)
    with pytest.raises(refusal):
        await join_visitors(queues)


async def test_a_room_that_does_not_exist(queues: Queues) -> None:
    nowhere = RoomId("nowhere")
    claimed = token(a_visitor(), 1, room_id=nowhere)
    calls = [
        join(queues, nowhere, Joiner(a_visitor())),
        place(queues, nowhere, claimed),
        claim(queues, nowhere, claimed),
        leave(queues, nowhere, claimed),
        status(queues, nowhere),
    ]
    for found in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(found, errors.RoomNotFound)


async def test_joins_are_throttled_by_address_and_polls_by_place(stores: Stores) -> None:
    queues = open_queues(stores, Settings(join_rate_per_address=60, join_burst_per_address=2, place_burst=1))
    await an_open_room(queues, "paused")

    async def from_one_address() -> Place:
        return (await join(queues, ROOM, Joiner(a_visitor(), network="abcd")))[0]

    ann, _ = await from_one_address(), await from_one_address()
    with pytest.raises(errors.RateLimited) as refused:
        await from_one_address()
    assert (refused.value.retry_after_s, refused.value.quota, refused.value.window_s) == (1, 60, 60)
    await place(queues, ROOM, claims(ann))
    with pytest.raises(errors.RateLimited):
        await claim(queues, ROOM, claims(ann))


async def test_a_rush_beyond_the_reserved_numbers_is_numbered_without_gaps(queues: Queues) -> None:
    await an_open_room(queues, "paused")
    batches = await asyncio.gather(*(join_visitors(queues, 500) for _ in range(12)))
    numbers = sorted(it.queue_number or 0 for batch in batches for it in batch)
    assert numbers == list(range(1, 6_001))
    assert await queues.stores.postgres.fetchval("SELECT numbers_reserved FROM rooms") >= 6_000


async def test_the_status_is_one_call_for_all_who_ask(queues: Queues) -> None:
    await an_open_room(queues, "paused", message="Doors at eight")
    await join_visitors(queues, 3)
    answers = await asyncio.gather(*(status(queues, ROOM) for _ in range(100)))
    assert len({id(now) for _, now in answers}) <= 2
    room, now = answers[0]
    assert (room.settings.message, now.waiting, now.version) == ("Doors at eight", 3, room.version)


async def test_a_change_by_another_process_is_seen_at_once(queues: Queues) -> None:
    await an_open_room(queues)
    await status(queues, ROOM)
    other = open_queues(queues.stores, Settings(rate_limits=False))
    await control.configure(other, ROOM, {"message": "Soon"}, by=STAFF)
    assert (await status(queues, ROOM))[0].settings.message == "Soon"


async def test_public_rooms_are_listed(queues: Queues) -> None:
    for room_id, public in (("b", True), ("a", True), ("c", False)):
        await a_stored_room(queues.stores, RoomId(room_id), public=public)
    assert [room.room_id for room, _ in await room_lists.page(queues, public_only=True)] == ["a", "b"]
    assert [room.room_id for room, _ in await room_lists.page(queues, public_only=False)] == ["a", "b", "c"]


async def test_nobody_queues_for_what_is_gone(queues: Queues) -> None:
    await an_open_room(queues)
    await queues.stores.postgres.execute(
        "INSERT INTO events (event_id, room_id, name, starts_at) VALUES ('gala', $1, 'Gala', now() + '1 d')",
        ROOM,
    )
    await control.refresh(queues.stores, ROOM)
    await stock(queues.stores.redis, free=0, sold=3)
    with pytest.raises(errors.RoomSoldOut):
        await join_visitors(queues)
    assert (await status(queues, ROOM))[1].state == "sold_out"


async def test_a_lottery_is_drawn_as_anyone_can_check(queues: Queues) -> None:
    await a_stored_room(queues.stores, queueing_method="lottery", admission_rate_per_minute=0)
    await control.configure(queues, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
    await tick(queues)
    entrants = await join_visitors(queues, 30)
    assert {it.state for it in entrants} == {"prequeue"}
    await control.set_state(queues, ROOM, "open", by=STAFF)
    late = (await join_visitors(queues))[0]
    assert (late.queue_number, late.ahead) == (31, 30)
    await reserve_numbers(queues.stores, ROOM)
    while await draw_batch(queues.stores, ROOM):
        pass
    in_order = sorted(entrants, key=lambda it: (draw_of(SEED, it.visitor_id), it.visitor_id))
    found = [(await place(queues, ROOM, claims(it)))[0] for it in in_order]
    assert [it.queue_number for it in found] == list(range(1, 31))
    assert (await place(queues, ROOM, claims(late)))[0].ahead == 30


async def test_who_takes_a_room_for_one_without_a_lottery_still_gives_it_a_draw(queues: Queues) -> None:
    await a_stored_room(queues.stores, admission_rate_per_minute=0)
    behind = open_queues(queues.stores, Settings(rate_limits=False))
    assert (await behind.loaded_rooms.get(ROOM)).settings.queueing_method == "fifo"
    lottery = {"queueing_method": "lottery", "prequeue_at": "2020-01-01T00:00:00Z"}
    await control.configure(queues, ROOM, lottery, by=STAFF)
    await tick(queues)
    (ann,) = await join_visitors(behind)
    drawn = await queues.stores.redis.zscore(KEYS.prequeue, ann.visitor_id)
    assert (ann.state, drawn) == ("prequeue", draw_of(SEED, ann.visitor_id))


async def test_a_store_that_is_away_is_said_so(stores: Stores) -> None:
    queues = open_queues(stores, Settings(rate_limits=False))
    await an_open_room(queues)
    (ann,) = await join_visitors(queues)
    stores.postgres.terminate()
    assert (await join_visitors(queues))[0].state == "called"  # the queue itself does not need Postgres
    with pytest.raises(errors.StoreUnavailable):
        await claim(queues, ROOM, claims(ann))


async def test_a_visitor_who_hangs_up_spoils_nothing_for_the_others(queues: Queues) -> None:
    await an_open_room(queues, "paused")
    calls = [asyncio.ensure_future(join(queues, ROOM, Joiner(a_visitor()))) for _ in range(10)]
    calls[3].cancel()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(it, tuple) for it in found) == 9


async def test_a_new_room_waits_to_be_opened(queues: Queues) -> None:
    made = await control.create_room(queues, RoomId("own"), RoomSettings(name="Own"), by=STAFF)
    assert (made.state, made.settings.name, made.version) == ("scheduled", "Own", 1)
    assert (await status(queues, RoomId("own")))[1].state == "scheduled"
