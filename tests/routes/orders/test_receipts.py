"""Receipts: a number for each paid order, without gaps, even if relayed twice or concurrently."""

from __future__ import annotations

import asyncio

from app.notifications.relay import relay
from app.store.connections import Stores
from tests.routes.conftest import Web
from tests.routes.orders.test_orders import a_purchase
from tests.support.waiting import wait_until
from worker.context import WorkerContext


async def numbers(stores: Stores) -> list[int]:
    rows = await stores.postgres.fetch("SELECT receipt_no FROM receipts ORDER BY 1")
    return [row[0] for row in rows]


async def test_each_sale_gets_the_next_number_once(web: Web, worker: WorkerContext, stores: Stores) -> None:
    await web.event(floor=20)
    bought = [await a_purchase(web) for _ in range(4)]

    async def all_numbered() -> bool:
        await asyncio.gather(*(relay(stores) for _ in range(3)))
        return len(await numbers(stores)) == len(bought)

    await wait_until(all_numbered, "the receipts")
    await stores.postgres.execute("UPDATE outbox SET streamed_at = NULL, queued = false")  # Redis was lost
    await a_purchase(web)
    await wait_until(lambda: _has(stores, 5), "the fifth")
    assert await numbers(stores) == [1, 2, 3, 4, 5]
    assert await stores.postgres.fetchval("SELECT last FROM receipt_counter") == 5
    order, place = bought[0]
    cookies = {"Cookie": f"fairgate_place_gala={place['Authorization'].split()[1]}"}
    page = (await web.get(f"/reservations/{order}/receipt", headers=cookies)).text
    mine = await stores.postgres.fetchval("SELECT receipt_no FROM receipts WHERE reservation_id = $1", order)
    assert f"No. {mine}" in page
    assert "€100.00" in page
    assert (await web.get(f"/reservations/{order}/receipt")).status_code == 404  # somebody else's
    headers = {**web.as_("admin"), "Idempotency-Key": "r"}
    await web.post(f"/v1/orders/{order}/refunds", {"amount": 1000}, headers=headers)
    assert "\u2212€10.00" in (await web.get(f"/reservations/{order}/receipt", headers=cookies)).text


async def _has(stores: Stores, count: int) -> bool:
    await relay(stores)
    return len(await numbers(stores)) == count


async def test_a_test_sale_and_a_hold_have_none(web: Web, worker: WorkerContext, stores: Stores) -> None:
    await web.event(floor=9, room={"test": True})
    await a_purchase(web)
    place, booking = await web.inside("gala")
    held = (await web.reserve("gala", booking, 1)).json()["reservation_id"]
    cookies = {"Cookie": f"fairgate_place_gala={place['Authorization'].split()[1]}"}
    assert (await web.get(f"/reservations/{held}/receipt", headers=cookies)).status_code == 404

    async def relayed() -> bool:
        await relay(stores)
        return not await stores.postgres.fetchval("SELECT count(*) FROM outbox WHERE streamed_at IS NULL")

    await wait_until(relayed, "the relay")
    assert await numbers(stores) == []
