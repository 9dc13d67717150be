"""A short-lived cache: many callers, one read."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from app.store.single_flight import SingleFlight

T = TypeVar("T")

KEYS_MAX = 10_000


class TimedCache(Generic[T]):
    """The result of a `read` less than `fresh_s` ago; concurrent callers share one read."""

    def __init__(self, fresh_s: float) -> None:
        self._fresh_s = fresh_s
        self._found: dict[str, tuple[float, T]] = {}
        self._reading = SingleFlight[str, T]()

    async def get(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        """The cached result, or a new one. Errors from `read` are raised to all waiting callers."""
        cached = self._found.get(key)
        if cached is not None and time.monotonic() - cached[0] < self._fresh_s:
            return cached[1]
        return await self._reading.get(key, lambda: self._read(key, read))

    def forget(self, key: str) -> None:
        """Drop an entry, so that the next caller reads it again."""
        self._found.pop(key, None)

    async def _read(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        try:
            value = await read()
        except Exception:
            self._found.pop(key, None)
            raise
        if len(self._found) >= KEYS_MAX:
            self._found.clear()
        self._found[key] = (time.monotonic(), value)
        return value
