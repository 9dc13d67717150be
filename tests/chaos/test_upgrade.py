"""The previous release and this one side by side, and one replacing the other, while tickets are sold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.runtime import migrate
from app.store.connections import RedisClient
from tests.chaos.crowd import Crowd, Visitor
from tests.chaos.two_releases import ROOT, Fleet, ProxiedSite, Release, a_fleet, release_before
from tests.conftest import Servers
from tests.platform.outside import Up

WAITING = 5  # visitors in a queue that does not move
STANDS_STILL = {"admission_rate_per_minute": 1, "claim_window_s": 600}
MORE = 8  # reservations in each state of the upgrade


@pytest.fixture
async def database_without_tables(servers: Servers) -> AsyncIterator[str]:
    admin = await asyncpg.connect(servers.postgres_url)
    await admin.execute("CREATE DATABASE upgraded")
    yield servers.postgres_url.rsplit("/", 1)[0] + "/upgraded"
    await admin.execute("DROP DATABASE upgraded WITH (FORCE)")
    await admin.close()


@pytest.fixture
def settings(servers: Servers, database_without_tables: str, tmp_path: Path) -> dict[str, str]:
    return {
        "REDIS_URL": servers.redis_url,
        "DATABASE_URL": database_without_tables,
        "FAIRGATE_SECRET": "s" * 40,
        "FAIRGATE_DATA": str(tmp_path / "none"),
        "FAIRGATE_RATE_LIMITS": "off",
        "FAIRGATE_SIMULATE_PAYMENTS": "on",
        "FAIRGATE_SHUTDOWN_DELAY_S": "1",  # ten times what the proxy needs
    }


@pytest.mark.timeout(300)  # five processes are started one after the other
async def test_a_sale_goes_on_during_an_upgrade(
    redis: RedisClient, settings: dict[str, str], tmp_path: Path
) -> None:
    old = Release(release_before(tmp_path / "before"), settings, tmp_path / "before.log")
    new = Release(ROOT, settings, tmp_path / "this.log")
    await old.run("migrate", "up")
    async with a_fleet() as fleet:
        old_worker = await fleet.worker(old)
        old_url, old_web = await fleet.web(old, "granian")
        site = await a_site(fleet, old)
        still = Crowd(site.client(), await site.open_sale(room=STANDS_STILL))
        waiting = [await still.visitor() for _ in range(WAITING)]
        async with site.crowd(await site.open_sale()) as crowd:
            async with crowd.traffic(fans=4):
                await crowd.wait_for_promises(MORE)
                await asyncio.to_thread(migrate.up, settings["DATABASE_URL"], ("before",))
                await crowd.wait_for_promises(MORE)
                await both_work(fleet, new, crowd)
                if not old.drains:
                    fleet.proxy.known.remove(old_url)  # as its operator would, by hand
                    await crowd.wait_for_promises(MORE)  # earlier requests are answered
                await fleet.stop(old_worker, old_web)
                await crowd.wait_for_promises(MORE)
                await asyncio.to_thread(migrate.up, settings["DATABASE_URL"], ("after",))
                await one_more_takes_over(fleet, new, crowd)
            failed = {answer: times for answer, times in crowd.answers.items() if answer[:1] in "b5"}
            assert failed == {}, crowd.answers
        await nobody_lost_their_place(waiting)
        await still.client.aclose()
    assert "Traceback" not in new.log.read_text()  # an old worker does report that it does not know a new job


async def both_work(fleet: Fleet, new: Release, crowd: Crowd) -> None:
    """Run processes of both releases for a while."""
    await fleet.worker(new)
    await fleet.web(new, "granian")
    await crowd.wait_for_promises(2 * MORE)


async def one_more_takes_over(fleet: Fleet, new: Release, crowd: Crowd) -> None:
    """Replace a web process with one of this release, without notifying the proxy."""
    leaving = fleet.running[-1]
    await fleet.web(new, "hypercorn")
    await fleet.stop(leaving)
    await crowd.wait_for_promises(MORE)


async def nobody_lost_their_place(waiting: list[Visitor]) -> None:
    """Visitors who waited before the upgrade have the same number, and wait or have just been called."""
    for visitor in waiting:
        place = await visitor.place()
        assert place["queue_number"] == visitor.queue_number
        assert place["state"] in ("waiting", "called")


async def a_site(fleet: Fleet, old: Release) -> ProxiedSite:
    """The site as visitors and staff see it, through the proxy."""
    token = await old.run("token", "--role", "admin", "--sub", "chaos")
    up = Up(fleet.running[0], "http://fairgate.test", old.log.parent, old.log)
    stores = old.settings["REDIS_URL"], old.settings["DATABASE_URL"]
    return ProxiedSite(up, *stores, token.strip(), fleet.proxy)
