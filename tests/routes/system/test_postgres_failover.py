"""PostgreSQL fails over in mid-sale: what we promise with a synchronous standby, and without one."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from app.core.model import EventId
from app.reservations import consistency, reconcile
from app.runtime import migrate
from app.settings import Settings
from app.store.connections import Stores
from load.servers.standby import PostgresPair, postgres_pair
from tests.routes.conftest import Web
from tests.routes.system.test_failover import a_sale, chosen, ready
from tests.support.waiting import wait_until

GALA = EventId("gala")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can enter: under root, Postgres runs as another user."""
    found = Path(tempfile.mkdtemp(prefix="fairgate-test-"))
    found.chmod(0o711)
    yield found
    shutil.rmtree(found)


@pytest.fixture
async def pair(folder: Path) -> AsyncIterator[PostgresPair]:
    """A primary with Fairgate's tables, and its standby."""
    async with postgres_pair(folder) as found:
        await asyncio.to_thread(migrate.up, found.primary.url)
        await found.caught_up()
        yield found


async def test_the_standby_takes_over(
    settings: Settings, pair: PostgresPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consistency, "PAUSE_S", 0.05)
    here = chosen(settings, database_url=pair.url, reserve_wait_s=1.0)
    async with a_sale(here) as (web, stores, buyer):
        await pair.be_synchronous()
        with _frozen(pair):
            for _ in range(2):
                assert not await buyer.reserves(), "answered 201 before the standby had it"

            async def answers() -> bool:
                return bool((await ready(web))["postgres"] != "ok")

            await wait_until(answers, "readiness to report it")
        await wait_until(buyer.reserves, "a ticket committed on both")

        await pair.be_asynchronous()
        await pair.cut_off()
        held, paid, place = await _reserved(web), await _reserved(web), await _reserved(web)
        assert (await _pay(web, paid)).status_code == 200
        pair.lose_primary()
        await pair.promote()
        await wait_until(buyer.reserves, "a ticket from the new primary")
        assert await _known(stores, held, paid, place) == {}
        assert len(await consistency.check(stores, GALA)) >= 3

        async def recovered() -> bool:
            return not (await reconcile.reconcile(stores, GALA, repair=True)).left

        await wait_until(recovered, "the books")
        known = await _known(stores, held, paid, place)
        assert known == {held[0]: "held", paid[0]: "confirmed", place[0]: "held"}
        assert (await _pay(web, held)).status_code == 200
        assert await consistency.check(stores, GALA) == []


@contextmanager
def _frozen(pair: PostgresPair) -> Iterator[None]:
    """The standby is suspended, while its connections stay open."""
    family: list[psutil.Process] = pair.family(pair.standby)
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(family):
            process.resume()


Reserved = tuple[str, dict[str, str]]  # the reservation, and its owner's header


async def _reserved(web: Web) -> Reserved:
    place, booking = await web.inside("gala")
    answer = await web.reserve("gala", booking)
    assert answer.status_code == 201, answer.text
    return answer.json()["reservation_id"], place


async def _pay(web: Web, it: Reserved) -> httpx.Response:
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    headers = it[1] | {"Idempotency-Key": "pay"}
    return await web.post(f"/v1/reservations/{it[0]}/confirm", body, headers=headers)


async def _known(stores: Stores, *some: Reserved) -> dict[str, str]:
    rows = await stores.postgres.fetch(
        "SELECT reservation_id, status FROM reservations WHERE reservation_id = ANY($1)",
        [it[0] for it in some],
    )
    return {row["reservation_id"]: row["status"] for row in rows}
