"""Mends what a crash left between the two stores, and forgets what is past its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app import holds
from app.store import balances, past, stream
from app.store.endings import EXPIRE_MAX
from app.store.stock_scripts import RoomNotReady
from worker.context import WorkerContext
from worker.pace import repeat

EVERY_S = 1.0
TOTALS_S = 5.0  # totals and prices of Redis are brought in line with Postgres
PURGE_S = 300.0


async def mend(ctx: WorkerContext) -> None:
    """Tell Redis what Postgres has said and Redis may not have heard. Until the worker stops."""

    async def once() -> bool:
        return await holds.mend(ctx.stores) == EXPIRE_MAX

    await repeat(ctx.stopping, "mend", once, EVERY_S)


async def align_totals(ctx: WorkerContext) -> None:
    """Load totals and prices again, in case a change of them reached Postgres only."""

    async def once() -> bool:
        for room_id, event_id in await balances.events_on_sale(ctx.stores.postgres):
            try:
                await holds.load_totals(ctx.stores, room_id, event_id)
            except RoomNotReady:
                continue  # loading the room loads its stock
        return False

    await repeat(ctx.stopping, "align_totals", once, TOTALS_S)


async def purge(ctx: WorkerContext) -> None:
    """Forget what nobody can ask for any more: replies, calls, draws, consumers that are dead."""

    async def once() -> bool:
        await past.forget(ctx.stores.postgres)
        for room_id, _ in await balances.events_on_sale(ctx.stores.postgres):
            await stream.forget_dead(ctx.stores.redis, holds.keys_of(room_id))
        return False

    await repeat(ctx.stopping, "purge", once, PURGE_S)


JOBS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (mend, align_totals, purge)
