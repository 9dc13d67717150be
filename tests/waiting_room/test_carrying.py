"""Places that move to another browser by a code: where the moved place is stored, and when it has to wait."""

from __future__ import annotations

import time

import pytest

from app.core.errors import Restoring
from app.core.model import VisitorId
from app.core.tokens.handover import CARRY_TTL_S, CarryCode, new_ticket_id
from app.core.tokens.place_tokens import new_visitor_id
from app.settings import Settings
from app.store.connections import Stores
from app.store.scripts.admission import admit
from app.store.sql.waiting_room.identities import ShownIdentity
from app.waiting_room import control, identities
from app.waiting_room.carrying import carry
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, join, open_queues
from tests.support.builders import KEYS, ROOM, STAFF, Client, a_stored_room
from tests.support.races import lose_to


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


def code_of(visitor_id: VisitorId) -> CarryCode:
    return CarryCode(new_ticket_id(), ROOM, visitor_id, int(time.time()) + CARRY_TTL_S)


async def test_an_entrant_of_a_lottery_moves_with_their_mailbox_and_has_no_number_to_store(
    queues: Queues,
) -> None:
    await a_stored_room(queues.stores)
    lottery = {"queueing_method": "lottery", "prequeue_at": "2020-01-01T00:00:00Z"}
    await control.configure(queues, ROOM, lottery, by=STAFF)
    client: Client = queues.stores.redis
    await admit(client, KEYS, limit=1)  # a tick opens the pre-queue
    ann, bob, postgres = new_visitor_id(), new_visitor_id(), queues.stores.postgres
    room = await queues.loaded_rooms.get(ROOM)
    await identities.enter(queues, room, ShownIdentity(b"mailbox", "email"), ann)
    await join(queues, ROOM, Joiner(ann))
    code = code_of(ann)
    for _ in range(2):  # sent again, it has the same result
        assert await carry(queues, code, bob, replace=False) == "carried"
    assert await client.zrange(KEYS.prequeue, 0, -1) == [bob]
    assert await postgres.fetchval("SELECT visitor_id FROM identities") == bob
    for table in ("carried_places", "ended_places"):
        assert await postgres.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await carry(queues, code, new_visitor_id(), replace=False) == "used"


async def test_no_place_moves_while_the_room_is_being_restored(queues: Queues) -> None:
    await a_stored_room(queues.stores, admission_rate_per_minute=0)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    ann, bob = new_visitor_id(), new_visitor_id()
    await join(queues, ROOM, Joiner(ann))
    client: Client = queues.stores.redis
    await client.hset(KEYS.conf, "restoring", 1)
    code = code_of(ann)
    with pytest.raises(Restoring):
        await carry(queues, code, bob, replace=False)
    await client.hset(KEYS.conf, "restoring", 0)
    assert await carry(queues, code, bob, replace=False) == "carried"  # the code is still good
    stored = await queues.stores.postgres.fetch("SELECT visitor_id, queue_number FROM carried_places")
    assert [tuple(it) for it in stored] == [(bob, 1)]


async def test_a_place_does_not_move_in_an_epoch_that_is_over(queues: Queues) -> None:
    """Redis was lost after the script, and the place may have come back to its former owner."""
    await a_stored_room(queues.stores, admission_rate_per_minute=0)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    ann, bob, stores = new_visitor_id(), new_visitor_id(), queues.stores
    await join(queues, ROOM, Joiner(ann))
    code = code_of(ann)
    raised = "UPDATE rooms SET epoch = epoch + 1"
    with pytest.raises(Restoring):
        await lose_to(stores, raised, call=carry(queues, code, bob, replace=False))
    for table in ("carried_places", "ended_places"):
        assert await stores.postgres.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await carry(queues, code, bob, replace=False) == "carried"  # in the new epoch
    assert await stores.postgres.fetchval("SELECT visitor_id FROM carried_places") == bob
