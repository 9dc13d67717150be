"""Repairs what a crash left inconsistent between the stores, and deletes data past its retention.

`mend` is a loop, because buyers wait for it. The others are jobs (`worker/jobs.py`): each call is one round,
short, and may run twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from app import loops
from app.core.errors import EventNotFound
from app.core.model import EventId, RoomId
from app.reservations import holds, reconcile
from app.reservations.consistency import LINES_MAX
from app.restoring.unloading import unload_closed
from app.store.redis import submissions
from app.store.redis.busy import KEYS, WITHIN_MS, busy_rooms
from app.store.scripts.stock import RoomNotReady
from app.store.sql import retention
from app.store.sql.locks import try_lock
from app.store.sql.reservations import balances
from app.store.sql.reservations.hold_endings import EXPIRE_MAX
from app.waiting_room import emptying
from worker.context import WorkerContext
from worker.timing import in_time, repeat

Sale = tuple[RoomId, EventId]

log = structlog.get_logger(__name__)

EVERY_S = 1.0
TOTALS_WITHIN_S = 10.0  # for sales that were recently busy; the job runs every 5 s
RECONCILE_WITHIN_S = 120.0
CHANGED_S = 60.0  # totals changed by staff within this time are reloaded even in empty rooms
DEAD_S = 7_200.0  # consumers count as dead after an hour
TOTALS_BUDGET_S = 4.0
PURGE_STEPS_MAX = 1_000  # per round


async def mend(ctx: WorkerContext) -> None:
    """Bring Redis up to date with endings in Postgres that it may have missed, until the worker stops."""

    async def repair() -> bool:
        await emptying.remove_gone(ctx.stores)
        return await holds.repair(ctx.stores) == EXPIRE_MAX

    await repeat(ctx.stopping, "mend", repair, EVERY_S)


async def align_totals(ctx: WorkerContext) -> None:
    """Reload totals and prices, in case a change reached only Postgres."""

    async def align(sale: Sale) -> None:
        with suppress(RoomNotReady):  # loading the room will load its stock
            await holds.load_totals(ctx.stores, *sale)

    sales = await _sales(ctx, TOTALS_WITHIN_S, changed_within_s=CHANGED_S)
    await loops.each("align_totals", in_time(sales, TOTALS_BUDGET_S), align)


async def purge(ctx: WorkerContext) -> None:
    """Delete data that can no longer be requested: replies, calls, draws, dead consumers."""

    async def forget_dead(sale: Sale) -> None:
        await submissions.forget_dead(ctx.stores.redis, holds.keys_of(sale[0]))

    await loops.each("purge", in_time(await _sales(ctx, DEAD_S)), forget_dead)
    for _ in in_time(range(PURGE_STEPS_MAX)):
        days = ctx.settings.audit_keep_days, ctx.settings.buyers_keep_days
        if not await retention.forget(ctx.stores.postgres, *days):
            break


async def reconcile_rooms(ctx: WorkerContext) -> None:
    """Compare the stores of every busy room and repair what is safe, one worker at a time.

    Bounded: an event with more holds than `reconcile.HOLDS_MAX` is left to `fairgate reconcile`.
    """

    async def reconcile_room(sale: Sale) -> None:
        if not ctx.stopping.is_set() and await reconcile.is_small(ctx.stores, *sale):
            await _reconcile(ctx, *sale)

    sales = await _sales(ctx, RECONCILE_WITHIN_S)
    await loops.each("reconcile_rooms", in_time(sales), reconcile_room, at_once=1)


async def unload_rooms(ctx: WorkerContext) -> None:
    """Unload rooms that were closed long ago from Redis."""
    await unload_closed(ctx.stores)


async def _sales(ctx: WorkerContext, within_s: float, changed_within_s: float = 0) -> list[Sale]:
    """The sales that were active recently; nothing changes in the others."""
    within_ms = WITHIN_MS + round(1000 * within_s)
    rooms = await busy_rooms(ctx.stores.redis, KEYS, within_ms=within_ms)
    return await balances.sales_of(ctx.stores.postgres, rooms, changed_within_s=changed_within_s)


async def _reconcile(ctx: WorkerContext, room_id: RoomId, event_id: EventId) -> None:
    async with ctx.stores.postgres.acquire() as connection, connection.transaction():
        if not await try_lock(connection, "reconcile", room_id):
            return
        try:
            report = await reconcile.reconcile(ctx.stores, event_id, repair=True)
        except (RoomNotReady, EventNotFound):
            return  # restoring the room repairs everything; or it was just deleted
    for outcome, lines in (("repaired", report.repaired), ("left", report.left)):
        for line in lines[:LINES_MAX]:
            log.warning("the stores differed", event_id=event_id, outcome=outcome, what=line)


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (mend,)
