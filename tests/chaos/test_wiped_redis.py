"""Redis is emptied in the middle of a sale: order, turns, stock and promises are restored."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import httpx
import jwt
import pytest

from app.core.model import RoomId
from app.store.keys import RoomKeys
from tests.chaos.crowd import Crowd, Visitor
from tests.chaos.site import Site
from tests.support.waiting import wait_until

pytestmark = pytest.mark.chaos

SLOW = {
    "admission_rate_per_minute": 600,
    "burst": 8,
    "restore_window_s": 1,
    "visitors_per_ticket_max": 1,
    "session_ends_on_confirm": True,
}


WIPES = 3


async def wipe(site: Site) -> None:
    """Delete everything in Redis."""
    async with site.stores() as stores:
        await stores.redis.flushall()


async def test_the_line_goes_on_in_the_old_order_and_nobody_gets_a_second_turn(pair: Site) -> None:
    sale = await pair.open_sale(room=SLOW)
    async with pair.crowd(sale) as crowd:
        visitors = [await crowd.visitor() for _ in range(60)]
        await asyncio.gather(*(visitor.enter() for visitor in visitors[:6]))
        first = await visitors[0].reserve("one", quantity=2)
        assert (await visitors[1].reserve("one")).status_code == 201
        bought = (await visitors[1].reserve("two")).json()["reservation_id"]
        assert (await visitors[1].confirm(bought)).status_code == 200
        await pair.staff("POST", f"/v1/rooms/{sale.room_id}/pause")
        await _wait_until_position_stored(pair, sale.room_id)
        tokens = [_stable_part(await visitor.claim()) for visitor in visitors[:6]]
        before = [(await visitor.place()) for visitor in visitors]
        assert {place["state"] for place in before} == {"active", "called", "waiting", "done"}

        await wipe(pair)

        again = await visitors[0].reserve("one", quantity=2)  # nobody has asked for the room yet
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["idempotent-replay"] == "true"
        after = [(await visitor.place()) for visitor in visitors]
        for then, now in zip(before, after, strict=True):
            assert now["state"] == then["state"], (then, now)
            assert now["queue_number"] == then["queue_number"]
            assert now["session_expires_at"] == then["session_expires_at"]
        assert [_stable_part(await visitor.claim()) for visitor in visitors[:6]] == tokens
        late = await crowd.visitor()
        assert late.queue_number > max(visitor.queue_number for visitor in visitors)
        assert (await visitors[1].claim()).json()["code"] == "done"
        assert (await visitors[2].reserve("after")).status_code == 201

        await pair.staff("POST", f"/v1/rooms/{sale.room_id}/resume")
        await _check_call_order(
            [it for it, place in zip(visitors, after, strict=True) if place["state"] == "waiting"]
        )
        await late.enter()


def _stable_part(claimed: httpx.Response) -> dict[str, Any]:
    """The part of a booking token that stays the same however often it is claimed; or why there is none."""
    document = claimed.json()
    if claimed.status_code == 410:
        return {"code": document["code"]}
    claims = jwt.decode(document["booking_token"], options={"verify_signature": False})
    return {name: claims[name] for name in ("jti", "sub", "exp")}


async def _wait_until_position_stored(site: Site, room_id: str) -> None:
    """Wait until Postgres has recorded how far the queue has advanced."""
    async with site.stores() as stores:
        redis: Any = stores.redis
        served = int(await redis.hget(RoomKeys(RoomId(room_id)).meter, "serving_position"))

        async def stored() -> bool:
            query = "SELECT serving_position FROM rooms WHERE room_id = $1"
            return bool(await stores.postgres.fetchval(query, room_id) == served)

        await wait_until(stored, "the serving position in Postgres")


async def _check_call_order(visitors: list[Visitor]) -> None:
    """Everybody is called, and nobody before somebody with a smaller number."""

    async def called(visitor: Visitor) -> datetime | None:
        place = await visitor.place()
        return datetime.fromisoformat(place["claim_by"]) if place["state"] == "called" else None

    async def turn(visitor: Visitor) -> datetime:
        return await wait_until(lambda: called(visitor), "the call", every_s=0.2)

    turns = await asyncio.gather(*(turn(visitor) for visitor in visitors))
    assert turns == sorted(turns)


async def test_nothing_is_oversold_and_sessions_go_on_when_it_happens_under_load(pair: Site) -> None:
    sale = await pair.open_sale(quantity=150)
    async with pair.crowd(sale) as crowd:
        async with crowd.traffic():
            for _ in range(WIPES):
                await crowd.wait_for_promises(15)
                await wipe(pair)
        await _check_sells_out(crowd)
    assert crowd.answers["403 session_ended"] == 0
    assert crowd.answers["401 credential_invalid"] == 0


async def _check_sells_out(crowd: Crowd) -> None:
    """What is left can still be sold, one by one, and not one more."""
    buyers = [await crowd.buyer() for _ in range(20)]
    found = await asyncio.gather(*(buyer.reserve(f"{i}") for buyer in buyers for i in range(10)))
    sold_out = [it for it in found if it.status_code == 409]
    assert {it.json()["code"] for it in sold_out} == {"sold_out"}
