"""Has witnesses cosign the heads of public logs, with a loop for each so that none waits for another."""

from __future__ import annotations

from functools import partial

from app import loops
from app.assurance.cosigning import Cosigning, witnesses
from app.notifications.safe_post import Client, open_client
from worker.context import WorkerContext
from worker.timing import repeat

EVERY_S = 1.0


async def cosign_heads(ctx: WorkerContext) -> None:
    """Start a loop for each configured witness, and wait for the worker to stop."""
    if not ctx.settings.witnesses:
        await ctx.stopping.wait()
        return
    async with open_client() as client:
        running = [
            ctx.loops.start("cosign", partial(_cosign, ctx, client, at))
            for at in range(len(ctx.settings.witnesses))
        ]
        try:
            await ctx.stopping.wait()
        finally:
            await loops.end(running)


async def _cosign(ctx: WorkerContext, client: Client, at: int) -> None:
    cosigning = Cosigning(ctx.stores, ctx.settings, client, witnesses(ctx.settings)[at])

    async def cosign() -> bool:
        await cosigning.round()
        return False

    await repeat(ctx.stopping, f"cosign {at}", cosign, EVERY_S)


LOOPS = (cosign_heads,)
