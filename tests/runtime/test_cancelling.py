"""A task that is cancelled ends, even if something in it swallows that."""

from __future__ import annotations

import asyncio

from app.runtime.cancelling import cancel
from tests.support.waiting import PATIENCE_S


async def test_a_cancellation_that_is_swallowed_is_repeated() -> None:
    begun, swallowed = asyncio.Event(), 0

    async def stubborn() -> None:
        nonlocal swallowed
        begun.set()
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await begun.wait()
    await asyncio.wait_for(cancel(task), PATIENCE_S)
    assert task.cancelled()
    assert swallowed == 2


async def test_a_task_that_has_ended_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    await cancel(task)
    assert not task.cancelled()
