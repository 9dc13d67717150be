"""Waiting in tests: for a condition, never for a duration."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
# How long a test waits for anything at most: machines are shared. Speed is shown by intervals and round
# trips, not by a clock.
PATIENCE_S = 60.0


async def wait_until(
    condition: Callable[[], Awaitable[T | None]],
    what: str,
    *,
    timeout_s: float = PATIENCE_S,
    every_s: float = 0.02,
) -> T:
    """The first truthy value of `condition()`. Fails naming `what` if it takes too long."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := await condition():
            return value
        await asyncio.sleep(every_s)
    raise AssertionError(f"waited {timeout_s} s in vain for {what}")
