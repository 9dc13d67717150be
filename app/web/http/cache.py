"""A cache for a moment: many ask the same, one reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from app.store.spans import shared_task

T = TypeVar("T")

KEYS_MAX = 10_000


class Kept(Generic[T]):
    """What `read` answered less than `fresh_s` ago; callers of the same time share one reading."""

    def __init__(self, fresh_s: float) -> None:
        self._fresh_s = fresh_s
        self._found: dict[str, tuple[float, T]] = {}
        self._reading: dict[str, asyncio.Task[T]] = {}

    async def get(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        """The kept answer, or a new one. What `read` raises, all who wait for it are told."""
        kept = self._found.get(key)
        if kept is not None and time.monotonic() - kept[0] < self._fresh_s:
            return kept[1]
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = shared_task(self._read(key, read))
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    async def _read(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        found = await read()
        if len(self._found) >= KEYS_MAX:
            self._found.clear()
        self._found[key] = (time.monotonic(), found)
        return found

    def _done(self, key: str, task: asyncio.Task[T]) -> None:
        del self._reading[key]
        if not task.cancelled() and task.exception() is not None:
            self._found.pop(key, None)
