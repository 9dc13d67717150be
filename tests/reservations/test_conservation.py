"""The conservation check: silent when all is well, even under traffic; otherwise it names the problem."""

from __future__ import annotations

import asyncio

import pytest

from app.core.errors import EventNotFound, Refusal
from app.core.model import EventId
from app.reservations import consistency, holds
from app.reservations.operations import Payment, cancel, check, confirm
from app.reservations.pending import ReservationEngine
from app.store.connections import Stores
from tests.support.sales import GALA, LIVE, a_sale, a_session, a_shop, reserve_tickets

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift planted here does not go away, so there is no need to watch it for six seconds."""
    monkeypatch.setattr(consistency, "PAUSE_S", 0.02)


async def test_a_sale_in_all_its_states_adds_up(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        made = [
            (await reserve_tickets(engine, await a_session(stores), "floor:1,balcony:1")).reservation_id
            for _ in range(4)
        ]
        await confirm(engine, made[0], Payment("card", "tok_ok"), "pay")
        await cancel(engine, made[1])
        await stores.postgres.execute(
            "UPDATE reservations SET expires_at = now() WHERE reservation_id = $1", made[2]
        )
        await holds.expire_due(stores)
        assert await check(stores, GALA) == []


async def test_a_room_that_redis_lost_is_restored_first(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
    await stores.redis.flushall()
    assert await check(stores, GALA) == []
    assert await stores.redis.exists(LIVE.stock) == 1


async def test_an_event_without_tickets_adds_up(stores: Stores) -> None:
    await a_sale(stores, {})
    assert await check(stores, GALA) == []


async def test_an_unknown_event_is_told(stores: Stores) -> None:
    with pytest.raises(EventNotFound):
        await check(stores, EventId("nothing"))


WRONG = {
    "redis lost a ticket": ("HINCRBY", LIVE.stock, "free:floor", -1),
    "redis made a ticket": ("HINCRBY", LIVE.stock, "free:floor", 1),
    "held and sold confused": ("HINCRBY", LIVE.stock, "held:floor", 1, "sold:floor", -1),
    "a hold vanished": ("HDEL", LIVE.holds, "{id}"),
    "a hold nobody made": ("HSET", LIVE.holds, "ghost", "held|eve|1|EUR|1|2|floor:1:1"),
    "an allowance was stranded": ("HSET", LIVE.allowance, "eve", "2"),
    "an allowance was lost": ("DEL", LIVE.allowance),
    "the stock was wiped": ("DEL", LIVE.stock),
    "a sum went wrong": ("HINCRBY", LIVE.stock, "free", 1),
    "total differs": "UPDATE ticket_types SET total = total + 1",
    "counter without a row": "UPDATE ticket_types SET held = held + 1",
    "row without redis": "UPDATE reservations SET status = 'confirmed'",
    "row that ended": "UPDATE reservations SET status = 'expired', ended_at = now()",
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_is_found(stores: Stores, wrong: str) -> None:
    async with a_shop(stores) as engine:
        reserved = await reserve_tickets(engine, await a_session(stores))
        command = WRONG[wrong]
        if isinstance(command, str):
            await stores.postgres.execute(command)
        else:
            parts = [str(part).format(id=reserved.reservation_id) for part in command[2:]]
            keyed = str(command[1])
            if len(parts) == 4:
                await stores.redis.hincrby(keyed, parts[0], int(parts[1]))
                parts = parts[2:]
            await stores.redis.execute_command(str(command[0]), keyed, *parts)
        assert await check(stores, GALA) != []


async def test_many_findings_are_cut_short(stores: Stores) -> None:
    await a_sale(stores)
    await stores.redis.hset(LIVE.allowance, mapping={f"eve{i}": "1" for i in range(30)})
    lines = await check(stores, GALA)
    assert len(lines) == consistency.LINES_MAX + 1
    assert lines[-1] == "and 10 more like these"


async def test_traffic_is_not_taken_for_a_fault(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 60, "balcony": 60}) as engine:
        stopping = asyncio.Event()
        traffic = [asyncio.create_task(_buy_and_cancel(engine, stopping)) for _ in range(8)]
        for _ in range(3):
            assert await check(stores, GALA) == []
        stopping.set()
        await asyncio.gather(*traffic)
        assert await check(stores, GALA) == []


async def _buy_and_cancel(engine: ReservationEngine, stopping: asyncio.Event) -> None:
    ann = await a_session(engine.stores)
    while not stopping.is_set():
        try:
            reserved = await reserve_tickets(engine, ann, "floor:1,balcony:2")
            await cancel(engine, reserved.reservation_id)
        except Refusal:
            continue
