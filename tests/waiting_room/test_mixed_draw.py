"""A draw that also uses the log at the opening: nobody is drawn before that, and everybody by it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from app.commands.audit import from_stores
from app.core import errors
from app.core.assurance.log_audit import audit
from app.core.model import DrawEntropy, Place
from app.core.tokens.claims import PlaceClaims
from app.core.waiting_room.rules import draw_key, draw_of
from app.settings import Settings
from app.store.connections import Stores
from app.store.scripts.admission import admit
from app.waiting_room import control, room_log
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, join, leave, open_queues, place
from app.waiting_room.queue_numbers import draw_batch, reserve_numbers
from app.web.documents.draw import draw_document
from tests.support.builders import KEYS, ROOM, SEED, STAFF, a_row, a_stored_room, a_visitor, token


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


async def join_visitors(queues: Queues, count: int) -> list[Place]:
    answers = await asyncio.gather(*(join(queues, ROOM, Joiner(a_visitor())) for _ in range(count)))
    return [found for found, _ in answers]


def claims(found: Place) -> PlaceClaims:
    return token(found.visitor_id, found.token_number, 1)


async def a_prequeue(queues: Queues, count: int) -> list[Place]:
    """The pre-queue of a room with a mixed draw, with this many visitors."""
    await a_stored_room(
        queues.stores, queueing_method="lottery", draw_entropy="entries", admission_rate_per_minute=0
    )
    await control.configure(queues, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
    await admit(queues.stores.redis, KEYS, limit=2_000)
    return await join_visitors(queues, count)


async def test_a_draw_made_with_the_log_waits_for_it_and_is_another(queues: Queues) -> None:
    entrants = await a_prequeue(queues, 30)
    with pytest.raises(errors.QueueingMethodLocked):
        await control.configure(queues, ROOM, {"draw_entropy": "none"}, by=STAFF)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await reserve_numbers(queues.stores, ROOM)
    assert await draw_batch(queues.stores, ROOM) == 0  # the log does not yet say what to mix in
    await room_log.write(queues.stores, ROOM)
    await leave(queues, ROOM, claims(entrants.pop()))
    while await draw_batch(queues.stores, ROOM):
        pass
    root = await queues.stores.postgres.fetchval("SELECT draw_root FROM rooms")
    assert root
    key = draw_key(SEED, root)
    assert key != SEED
    in_order = sorted(entrants, key=lambda it: draw_of(key, it.visitor_id))
    found = [(await place(queues, ROOM, claims(it)))[0] for it in in_order]
    assert [it.queue_number for it in found] == sorted(it.queue_number or 0 for it in found)
    await room_log.write(queues.stores, ROOM)
    export = await from_stores(queues.stores, ROOM)
    assert export is not None
    assert audit(export).findings == []
    draws = [int(it.split(" ")[4]) for it in export.entries if " drawn " in it]
    assert draws == [draw_of(key, it.visitor_id) for it in in_order]


async def test_nobody_waits_for_a_log_that_is_not_written(queues: Queues) -> None:
    await a_prequeue(queues, 3)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await reserve_numbers(queues.stores, ROOM)
    await queues.stores.postgres.execute("UPDATE rooms SET opened_at = now() - interval '61 s'")
    assert await draw_batch(queues.stores, ROOM) == 0
    await room_log.write(queues.stores, ROOM)  # too late: the seed alone decides
    assert await draw_batch(queues.stores, ROOM) == 3
    assert await queues.stores.postgres.fetchval("SELECT draw_root FROM rooms") == b""


@pytest.mark.parametrize("entropy", ["entries", "beacon"])
def test_the_seed_is_published_with_what_else_a_draw_uses(entropy: DrawEntropy) -> None:
    """From the seed alone, visitors would compute another draw than theirs."""
    room = a_row(queueing_method="lottery", draw_entropy=entropy).room
    roots = {None: None, b"": SEED.hex(), b"r" * 32: SEED.hex()}  # not known yet, the seed alone, known
    for root, seed in roots.items():
        drawn = draw_document(msgspec.structs.replace(room, draw_root=root), opened=True)
        assert drawn is not None
        assert drawn.seed == seed
    alone = draw_document(a_row(queueing_method="lottery").room, opened=True)
    assert alone is not None
    assert alone.seed == SEED.hex()
