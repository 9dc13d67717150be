"""A web process dies: another one takes over, visitors lose nothing, streams start with the current state."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from tests.chaos.site import Site
from tests.platform.outside import fairgate, wait_until_gone
from tests.support.waiting import wait_until

pytestmark = pytest.mark.chaos


async def test_visitors_go_on_with_what_they_have(pair: Site) -> None:
    sale = await pair.open_sale()
    async with pair.crowd(sale) as crowd, crowd.traffic():
        for _ in range(2):
            await crowd.wait_for_promises(20)
            await _kill_and_wait(pair, 2)
            await crowd.wait_for_promises(20)


async def test_streams_begin_again_with_the_present_document(lone: Site) -> None:
    sale = await lone.open_sale(hold_ttl_s=600)
    async with lone.crowd(sale) as crowd:
        buyer = await crowd.buyer()
        held = (await buyer.reserve("one")).json()
        room = f"/v1/rooms/{sale.room_id}/events"
        mine = f"/v1/reservations/{held['reservation_id']}/events"
        async with stream(lone, room) as status, stream(lone, mine, buyer.place_token) as reservation:
            assert (await anext(status))["state"] == "open"
            assert (await anext(reservation))["status"] == "held"
            await _kill_and_wait(lone, 1)
            with suppress(httpx.TransportError):
                async for _ in status:
                    pass
        paused = await fairgate("room", "pause", sale.room_id, "--data", str(lone.folder))
        assert paused.code == 0, paused.err
        assert (await buyer.confirm(held["reservation_id"])).status_code == 200
        async with stream(lone, room) as status, stream(lone, mine, buyer.place_token) as reservation:
            assert (await anext(status))["state"] == "paused"
            assert (await anext(reservation))["status"] == "confirmed"


async def _kill_and_wait(site: Site, count: int) -> None:
    """Kill one process and wait for its replacement."""
    killed = site.kill_one("fairgate web")
    await wait_until_gone(killed)

    async def another() -> bool:
        return len(site.up.pids("fairgate web") - {killed}) == count

    await wait_until(another, "a new web process")


@asynccontextmanager
async def stream(site: Site, path: str, token: str = "") -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The documents of an event stream."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def documents(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))

    async with site.client() as client, client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield documents(answer)
