"""Ends expired holds: the row first, then the stock and the allowance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.reservations import holds
from app.store.sql.reservations.hold_endings import EXPIRE_MAX
from worker.context import WorkerContext
from worker.timing import repeat

EVERY_S = 0.5


async def expire_holds(ctx: WorkerContext) -> None:
    """End expired holds until the worker stops. Any number of workers may do so at once."""

    async def expire() -> bool:
        return await holds.expire_due(ctx.stores) == EXPIRE_MAX  # then more are due already

    await repeat(ctx.stopping, "expire_holds", expire, EVERY_S)


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (expire_holds,)
