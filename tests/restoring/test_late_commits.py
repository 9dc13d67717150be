"""Sessions that begin as Redis is lost: started by a script before, committed after the restore read them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from app.core.errors import Restoring
from app.core.model import Place
from app.core.tokens.claims import PlaceClaims
from app.gate.sessions import Gate, GateVisitor, enter
from app.restoring.room import rebuild_room
from app.settings import Settings
from app.store.connections import Stores
from app.waiting_room.queue import Queues, claim, open_queues
from tests.restoring.test_rebuild import an_open_room, call_next, claims, join_visitors
from tests.support.builders import KEYS, ROOM, Client, a_visitor
from tests.support.waiting import wait_until

T = TypeVar("T")


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


async def lost_before_commit(queues: Queues, call: Coroutine[Any, Any, T]) -> T:
    """The result of a call whose session is in Redis, but not committed, when Redis is lost and restored."""
    client: Client = queues.stores.redis
    async with queues.stores.postgres.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE sessions IN SHARE MODE")  # a restore reads them, but nobody writes
        task = asyncio.create_task(call)
        await wait_until(lambda: client.zcard(KEYS.active), "the session in Redis")
        await client.flushall()
        assert await rebuild_room(queues.stores, ROOM)
        assert not await client.exists(KEYS.active)
    return await task


async def is_kept(queues: Queues, found: Place) -> None:
    """The session is in both stores until its announced end."""
    client: Client = queues.stores.redis
    assert found.state == "active"
    assert await client.zscore(KEYS.active, found.visitor_id) == found.session_expires_at_ms
    stored = "SELECT (extract(epoch FROM expires_at) * 1000)::bigint FROM sessions WHERE visitor_id = $1"
    assert await queues.stores.postgres.fetchval(stored, found.visitor_id) == found.session_expires_at_ms


async def a_called_visitor(queues: Queues) -> PlaceClaims:
    (joined,) = await join_visitors(queues, 1)
    await call_next(queues, 1)
    return claims(joined)


async def test_a_claimed_turn(queues: Queues) -> None:
    await an_open_room(queues)
    claiming = claim(queues, ROOM, await a_called_visitor(queues))
    await is_kept(queues, (await lost_before_commit(queues, claiming))[0])


async def test_a_visitor_at_the_gate(queues: Queues) -> None:
    await an_open_room(queues, admission_rate_per_minute=600)
    entering = enter(Gate(queues), ROOM, GateVisitor(a_visitor(), "192.0.2.1", anew=True))
    assert await lost_before_commit(queues, entering) is None  # they queue: the bucket starts empty
    assert await queues.stores.postgres.fetchval("SELECT count(*) FROM sessions") == 0


async def test_nobody_gets_a_session_of_an_epoch_that_is_over(queues: Queues) -> None:
    await an_open_room(queues)
    called = await a_called_visitor(queues)
    await queues.stores.postgres.execute("UPDATE rooms SET epoch = epoch + 1")
    with pytest.raises(Restoring):
        await claim(queues, ROOM, called)
    assert await queues.stores.postgres.fetchval("SELECT count(*) FROM sessions") == 0
