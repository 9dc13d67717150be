"""A node of the Cluster dies in mid-sale; its replica takes over and lacks the last writes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.core.model import EventId
from app.reservations import consistency
from load.servers.replicas import ValkeyPair, in_a_cluster
from tests.conftest import Servers
from tests.routes.conftest import bearer, settings_of
from tests.routes.system.test_failover import a_sale, chosen
from tests.support.waiting import wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="fairgate-cluster-"))
    yield found
    shutil.rmtree(found)


@pytest.fixture
async def pair(folder: Path) -> AsyncIterator[ValkeyPair]:
    """A Cluster in which the node with the sale has a replica."""
    async with in_a_cluster(folder, "gala") as found:
        yield found


async def test_a_replica_that_lacks_the_last_writes_takes_over(
    servers: Servers, database_url: str, pair: ValkeyPair
) -> None:
    settings = settings_of(servers).model_copy(update={"database_url": database_url})
    here = chosen(settings, redis_url=pair.url)
    async with a_sale(here) as (web, stores, buyer):
        before = [await web.join("gala") for _ in range(3)]
        await pair.cut_off()
        _, booking = await web.inside("gala")
        held = await web.reserve("gala", booking)
        assert held.status_code == 201
        lost = await web.join("gala")
        pair.lose_primary()

        async def again() -> bool:
            """Visitors with reservations are inside as before, and repeated requests get the same answer."""
            answer = await web.reserve("gala", booking)
            assert answer.status_code in (201, 503), answer.text
            return answer.status_code == 201 and bool(answer.json() == held.json())

        await wait_until(again, "the same answer from another node")
        await wait_until(buyer.reserves, "a ticket from the new primary")
        numbers = [it["queue_number"] for it in (*before, lost, await web.join("gala"))]
        assert numbers == sorted(set(numbers)), "a number was given twice"
        for it in (*before, lost):
            found = await web.get("/v1/rooms/gala/places/me", headers=bearer(it["place_token"]))
            assert (found.status_code, found.json()["queue_number"]) == (200, it["queue_number"]), found.text

        async def balanced() -> bool:
            return not await consistency.check(stores, EventId("gala"))

        await wait_until(balanced, "balanced books")
