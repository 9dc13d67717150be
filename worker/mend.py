"""Mends what a crash left between the two stores, and forgets what is past its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from app import holds, loops, reconcile
from app.conservation import LINES_MAX
from app.core.errors import EventNotFound
from app.core.model import EventId, RoomId
from app.store import balances, past, sessions, stream
from app.store.busy import KEYS, WITHIN_MS, busy_rooms
from app.store.endings import EXPIRE_MAX
from app.store.stock_scripts import RoomNotReady
from app.unloading import unload_closed
from worker.context import WorkerContext
from worker.pace import pause, repeat

Sale = tuple[RoomId, EventId]

log = structlog.get_logger(__name__)

EVERY_S = 1.0
TOTALS_S = 5.0  # totals and prices of Redis are brought in line with Postgres
RECONCILE_S = 60.0
UNLOAD_S = 60.0
PURGE_S = 300.0
CHANGED_S = 60.0  # totals that staff changed in the last minute are looked at also where nobody is
DEAD_S = 7_200.0  # a consumer is dead after an hour


async def mend(ctx: WorkerContext) -> None:
    """Tell Redis what Postgres has said and Redis may not have heard. Until the worker stops."""

    async def once() -> bool:
        return await holds.mend(ctx.stores) == EXPIRE_MAX

    await repeat(ctx.stopping, "mend", once, EVERY_S)


async def align_totals(ctx: WorkerContext) -> None:
    """Load totals and prices again, in case a change of them reached Postgres only."""

    async def once() -> bool:
        async def align(sale: Sale) -> None:
            with suppress(RoomNotReady):  # loading the room loads its stock
                await holds.load_totals(ctx.stores, *sale)

        await loops.each("align_totals", await _sales(ctx, TOTALS_S, changed_within_s=CHANGED_S), align)
        return False

    await repeat(ctx.stopping, "align_totals", once, TOTALS_S)


async def purge(ctx: WorkerContext) -> None:
    """Forget what nobody can ask for any more: replies, calls, draws, consumers that are dead."""

    async def once() -> bool:
        await past.forget(ctx.stores.postgres, ctx.settings.audit_keep_days)

        async def forget_dead(sale: Sale) -> None:
            await stream.forget_dead(ctx.stores.redis, holds.keys_of(sale[0]))

        await loops.each("purge", await _sales(ctx, DEAD_S), forget_dead)
        return False

    await repeat(ctx.stopping, "purge", once, PURGE_S)


async def reconcile_rooms(ctx: WorkerContext) -> None:
    """Compare the stores of every busy room and mend what is safe, one worker at a time.

    Bounded: an event with more holds than `reconcile.HOLDS_MAX` is for `fairgate reconcile`.
    """

    async def once() -> bool:
        async def one(sale: Sale) -> None:
            if not ctx.stopping.is_set() and await reconcile.is_small(ctx.stores, sale[0]):
                await _reconcile(ctx, *sale)

        await loops.each("reconcile_rooms", await _sales(ctx, 2 * RECONCILE_S), one, at_once=1)
        return False

    await pause(ctx.stopping, RECONCILE_S)
    await repeat(ctx.stopping, "reconcile_rooms", once, RECONCILE_S)


async def unload_rooms(ctx: WorkerContext) -> None:
    """Take rooms that have long been closed out of Redis."""

    async def once() -> bool:
        await unload_closed(ctx.stores)
        return False

    await repeat(ctx.stopping, "unload_rooms", once, UNLOAD_S)


async def _sales(ctx: WorkerContext, within_s: float, changed_within_s: float = 0) -> list[Sale]:
    """The sales there was something to do for in the last while: in the others nothing moves."""
    within_ms = WITHIN_MS + round(1000 * within_s)
    rooms = await busy_rooms(ctx.stores.redis, KEYS, within_ms=within_ms)
    return await balances.sales_of(ctx.stores.postgres, rooms, changed_within_s=changed_within_s)


async def _reconcile(ctx: WorkerContext, room_id: RoomId, event_id: EventId) -> None:
    async with ctx.stores.postgres.acquire() as connection, connection.transaction():
        if not await sessions.try_lock(connection, "reconcile", room_id):
            return
        try:
            report = await reconcile.reconcile(ctx.stores, event_id, mend=True)
        except (RoomNotReady, EventNotFound):
            return  # restoring the room is all the mending there can be; or it was just deleted
    for outcome, lines in (("mended", report.mended), ("left", report.left)):
        for line in lines[:LINES_MAX]:
            log.warning("the stores differed", event_id=event_id, outcome=outcome, what=line)


JOBS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (
    mend,
    align_totals,
    reconcile_rooms,
    unload_rooms,
    purge,
)
