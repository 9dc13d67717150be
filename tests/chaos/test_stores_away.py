"""A store is killed or stalls under load: 503 until it is back, and nothing promised is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import httpx
import pytest

from app.store.connections import POSTGRES_AWAY
from tests.chaos.crowd import Crowd, Sale
from tests.chaos.site import Site, frozen
from tests.platform.outside import OPS, wait_until_gone
from tests.support.waiting import wait_until

pytestmark = pytest.mark.chaos

HTML = {"Accept": "text/html"}


async def test_a_killed_valkey_costs_nothing_that_was_promised(site: Site) -> None:
    sale = await site.open_sale()
    async with site.crowd(sale) as crowd, crowd.traffic():
        await crowd.wait_for_promises(30)
        pid = await site.valkey_pid()
        os.kill(pid, signal.SIGKILL)
        await wait_until_gone(pid)
        await crowd.wait_for_outcomes()
        await crowd.wait_for_promises(10)


async def test_a_killed_postgres_costs_nothing_that_was_promised(pair: Site) -> None:
    sale = await pair.open_sale()
    async with pair.crowd(sale) as crowd, crowd.traffic():
        await crowd.wait_for_promises(30)
        pid = pair.postgres_pid()
        os.kill(pid, signal.SIGKILL)
        await wait_until_gone(pid)
        await crowd.wait_for_outcomes()
        await crowd.wait_for_promises(10)


async def test_a_backend_that_is_killed_takes_postgres_through_recovery_and_on(lone: Site) -> None:
    sale = await lone.open_sale()
    async with lone.crowd(sale) as crowd, crowd.traffic():
        await crowd.wait_for_promises(20)
        async with lone.stores() as stores:
            try:
                await stores.postgres.execute("SELECT pg_sleep(0)")
                pid = await stores.postgres.fetchval("SELECT pg_backend_pid()")
                os.kill(pid, signal.SIGKILL)
            except POSTGRES_AWAY:
                pass
        await crowd.wait_for_outcomes()
        await crowd.wait_for_promises(10)


@pytest.mark.parametrize("store", ["valkey", "postgres"])
async def test_while_a_store_stands_still_people_are_told_and_it_recovers_by_itself(
    store: str, pair: Site
) -> None:
    sale = await pair.open_sale()
    async with pair.crowd(sale) as crowd, crowd.traffic():
        await crowd.wait_for_promises(20)
        pid = await pair.valkey_pid() if store == "valkey" else pair.postgres_pid()
        with frozen(pid):
            await asyncio.gather(
                _somebody_gets_503(crowd), _check_pages(pair, sale), _check_readiness(pair, store)
            )
        await crowd.wait_for_promises(10)
        async with pair.client() as client:

            async def ready() -> bool:
                return (await client.get("/readyz")).status_code == 200

            await wait_until(ready, "readiness")
            assert (await client.get(f"/rooms/{sale.room_id}", headers=HTML)).status_code == 200


async def _somebody_gets_503(crowd: Crowd) -> None:
    """Somebody gets a 503; the crowd checks that it has Retry-After and a problem document."""

    async def refused() -> bool:
        return crowd.answers["503 store_unavailable"] > 0

    await wait_until(refused, f"a 503 (so far {crowd.answers})")


async def _check_pages(site: Site, sale: Sale) -> None:
    """Every page is an HTML page, whatever it can show."""
    async with site.client() as client:
        paths = ("/", f"/rooms/{sale.room_id}", f"/events/{sale.event_id}")
        pages = await asyncio.gather(*(client.get(path, headers=HTML) for path in paths))
    for page in pages:
        assert page.status_code in (200, 503), page.text
        assert page.headers["content-type"].startswith("text/html")
        assert "</html>" in page.text
        assert not [word for word in ("Traceback", "Error", "Exception", "None") if word in page.text]
        if page.status_code == 503:
            assert page.headers["retry-after"].isdigit()


async def _check_readiness(site: Site, store: str) -> None:
    """`/readyz` names the store within its deadline, and `/livez` is unaffected."""
    async with site.client() as client:
        assert (await client.get("/livez")).status_code == 200

        async def named() -> bool:
            found: httpx.Response = await client.get("/readyz", headers=OPS)
            name = "redis" if store == "valkey" else store
            return found.status_code == 503 and found.json()[name] != "ok"

        await wait_until(named, "readiness to fail")


async def test_nobody_loses_their_turn_by_an_outage_of_postgres(lone: Site) -> None:
    """For longer than the claim window: the window stops, nobody is called, and turns are kept."""
    sale = await lone.open_sale(room={"claim_window_s": 10})
    path = f"/v1/rooms/{sale.room_id}/places"
    async with lone.client() as client:

        async def send(method: str, path: str, place: httpx.Response) -> httpx.Response:
            token = {"Authorization": f"Bearer {place.json()['place_token']}"}
            return await client.request(method, path, headers=token)

        early = [await client.post(path) for _ in range(3)]
        assert [it.json()["state"] for it in early] == ["called"] * 3
        called_at = time.monotonic()
        with frozen(lone.postgres_pid()):

            async def comes_in_vain() -> httpx.Response | None:
                place = await client.post(path)
                return place if place.json()["state"] == "waiting" else None

            late = await wait_until(comes_in_vain, "calls to stop")

            async def over() -> bool:
                assert (await send("POST", f"{path}/me/booking-token", early[0])).status_code == 503
                return time.monotonic() - called_at > 15

            await wait_until(over, "the end of the window", every_s=0.5)
            for it in early:
                assert (await send("GET", f"{path}/me", it)).json()["state"] == "called"
        assert late is not None
        for place in (*early, late):

            async def claimed(place: httpx.Response = place) -> bool:
                return (await send("POST", f"{path}/me/booking-token", place)).status_code == 201

            await wait_until(claimed, "the claim")
