"""Races in Postgres that come out the same every time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from app.store.connections import Connection, Stores
from tests.support.waiting import wait_until

T = TypeVar("T")
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


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


@asynccontextmanager
async def just_before(
    stores: Stores, call: Coroutine[Any, Any, T], table: str
) -> AsyncIterator[tuple[Connection, asyncio.Task[T]]]:
    """Let `call` run until it needs this table; what the block does is done before that.

    Yields a connection in a transaction that ends with the block, and the call, which goes on then.
    """
    async with stores.postgres.acquire() as connection, connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(call)
        await wait_until(lambda: stores.postgres.fetchval(WAITING), f"the call waiting for {table}")
        yield connection, task
        assert not task.done()
