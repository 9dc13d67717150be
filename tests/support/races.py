"""Races in Postgres that come out the same every time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from app.store.connections import Stores
from tests.support.waiting import wait_until

T = TypeVar("T")


async def lose_to(stores: Stores, change: str, *arguments: object, call: Coroutine[Any, Any, T]) -> T:
    """The result of `call` if `change` wins: `call` reads what was there before the change, which is
    committed as soon as `call` waits for a row of it."""
    async with stores.postgres.acquire() as connection:
        async with connection.transaction():
            await connection.execute(change, *arguments)
            task = asyncio.create_task(call)

            async def waits() -> bool:
                waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
                return task.done() or bool(await connection.fetchval(waiting))

            await wait_until(waits, "the call to wait for the row", every_s=0.002)
            assert not task.done(), "the call did not come to the changed row"
        return await task
