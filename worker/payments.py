"""Finishes payments that were interrupted or whose gateway is slow, and refunds what is owed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.payments.gateways import open_gateway
from app.reservations.settlement import settle_payments as settle
from worker.context import WorkerContext
from worker.timing import repeat

EVERY_S = 0.5


async def settle_payments(ctx: WorkerContext) -> None:
    """Settle payments until the worker stops. Any number of workers may do so at once: each step is taken
    once."""
    async with open_gateway(ctx.settings, ctx.stores) as gateway:

        async def settle_due() -> bool:
            await settle(ctx.stores, gateway)
            return False

        await repeat(ctx.stopping, "settle_payments", settle_due, EVERY_S)


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (settle_payments,)
