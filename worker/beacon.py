"""Reads the rounds of the public randomness beacon that draws wait for."""

from __future__ import annotations

from app.assurance import beacon_rounds
from worker.context import WorkerContext
from worker.timing import repeat

EVERY_S = 1.0


async def read_beacon(ctx: WorkerContext) -> None:
    """Read each round as soon as a relay has it, until the worker stops. All workers do, in case one dies."""

    async def read() -> bool:
        await beacon_rounds.read_awaited(ctx.stores, ctx.settings)
        return False

    await repeat(ctx.stopping, "read_beacon", read, EVERY_S)


LOOPS = (read_beacon,)
