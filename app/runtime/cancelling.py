"""Cancelling a task for sure."""

from __future__ import annotations

import asyncio

AGAIN_S = 0.2


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel the task and wait until it has ended.

    Repeats it, because redis-py may swallow a cancellation while it connects, and the task would continue.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_S)
