"""One piece of work per key at a time; callers that ask meanwhile share it.

Not async-lru: that caches results, and here each caller decides what is fresh enough. A caller that goes away
cancels nothing; an exception is raised to all who wait, and is not cached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

from app.store.spans import shared_task

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SingleFlight(Generic[K, T]):
    """Work in progress, by key. It holds no more keys than there are waiting callers."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[T]] = {}

    def task(self, key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """The work in progress for this key, started if there is none. Callers must not cancel it."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = shared_task(work())
            task.add_done_callback(partial(self._finished, key))
        return task

    async def get(self, key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result. The work continues if this caller goes away."""
        return await asyncio.shield(self.task(key, work))

    def _finished(self, key: K, task: asyncio.Task[T]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # waiting callers get it; there may be none left
