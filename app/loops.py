"""Long-running tasks. All of them are started here, so that none dies unnoticed.

A loop that fails is logged with its traceback, counted, and restarted after a pause that grows with repeated
failures; while it cannot be kept running, `/readyz` reports that. In loops over many rooms, `each` and
`read_each` keep a failure of one room from affecting the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import structlog

from app import metrics
from app.core.errors import Restoring, StoreUnavailable
from app.store.connections import STORE_AWAY
from app.store.spans import shared_task

log = structlog.get_logger(__name__)

T = TypeVar("T")
R = TypeVar("R")

FIRST_S, LONGEST_S = 0.1, 5.0  # pause before a restart
STEADY_S = 10.0  # a loop that ran for this long has recovered
TROUBLE_S = 10.0  # a loop that has kept failing for this long is reported
WHY_CHARS = 300
AT_ONCE = 4  # items of one loop processed concurrently
LOGGED_AGAIN_S = 30.0  # a failure of the same item is not logged more often
LOGGED_MAX = 1_000

AWAY: tuple[type[Exception], ...] = (*STORE_AWAY, StoreUnavailable)  # as raised by drivers and by operations


class Trouble(NamedTuple):
    """A loop that keeps failing."""

    loop: str
    of: str  # its room or other subject; "" if it is for the whole process
    why: str

    def __str__(self) -> str:
        return f"{self.loop} {self.of}".rstrip() + f": {self.why}"[:WHY_CHARS]


@dataclass(slots=True)
class _Breaks:
    name: str
    of: str
    why: str = ""
    since: float = 0.0
    last: float = -STEADY_S


class Loops:
    """The loops of one process."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[None], _Breaks] = {}

    def start(self, name: str, run: Callable[[], Awaitable[None]], *, of: str = "") -> asyncio.Task[None]:
        """Keep `run` running until it returns or the caller cancels the task.

        `name` labels its metrics; `of` names its room or other subject, if there is one loop for each.
        """
        breaks = _Breaks(name, of)
        task = shared_task(_keep_running(run, breaks))
        task.set_name(f"{name} {of}".rstrip())
        self._running[task] = breaks
        task.add_done_callback(self._running.pop)
        return task

    def breaking(self) -> str:
        """Return the names of process-wide loops that cannot be kept running, comma-separated."""
        return ", ".join(sorted(it.loop for it in self.troubles() if not it.of))

    def troubles(self) -> list[Trouble]:
        """Return the loops that currently cannot be kept running."""
        now = time.monotonic()
        return [
            Trouble(it.name, it.of, it.why)
            for it in self._running.values()
            if now - it.last < STEADY_S and now - it.since >= TROUBLE_S
        ]


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel these tasks and wait until they have ended."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


async def _keep_running(run: Callable[[], Awaitable[None]], breaks: _Breaks) -> None:
    me = asyncio.current_task()
    assert me is not None
    structlog.contextvars.bind_contextvars(loop=breaks.name, **({"of": breaks.of} if breaks.of else {}))
    pause_s = FIRST_S
    while True:
        try:
            return await run()
        except asyncio.CancelledError as error:
            if me.cancelling():
                raise
            broke: BaseException = error  # something it awaited was cancelled, not this task
        except Exception as error:  # whatever the cause, the loop is restarted
            broke = error
        if me.cancelling():  # redis-py may swallow a cancellation while it connects
            return
        now = time.monotonic()
        if now - breaks.last >= STEADY_S:
            breaks.since, pause_s = now, FIRST_S
        breaks.last, breaks.why = now, f"{type(broke).__name__}: {broke}"
        metrics.LOOP_RESTARTS.labels(breaks.name).inc()
        log.error("a loop failed and is restarted", loop=breaks.name, of=breaks.of, exc_info=broke)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_S)


async def each(
    name: str,
    things: Iterable[T],
    work: Callable[[T], Awaitable[object]],
    *,
    key: Callable[[T], str] = str,
    at_once: int = AT_ONCE,
) -> None:
    """Do the work for each item, `at_once` at a time. A failure of one is logged and counted; the others
    continue.

    A room that is being restored is skipped. Raises the error of an unavailable store after all items were
    tried, so that the loop waits before it continues.
    """
    away: list[Exception] = []
    remaining = iter(things)

    async def some() -> None:
        for item in remaining:
            try:
                await work(item)
            except Restoring:
                continue
            except AWAY as error:
                away.append(error)
            except Exception as error:  # whatever the cause, it affects only this item
                failed(name, key(item), error)

    at_once = min(at_once, len(things)) if isinstance(things, Sized) else at_once
    if not at_once:
        return
    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(some())
    if away:
        raise away[0]


async def read_each(
    name: str,
    things: Sequence[T],
    read: Callable[[T], Awaitable[R | None]],
    *,
    key: Callable[[T], str] = str,
    at_once: int = AT_ONCE,
) -> list[R]:
    """Return what `read` finds for each item, in order, without items it finds nothing for or `each` skips.

    Raises the error of an unavailable store if not one item could be read.
    """
    results: dict[int, R] = {}

    async def read_one(index: int) -> None:
        result = await read(things[index])
        if result is not None:
            results[index] = result

    try:
        await each(name, range(len(things)), read_one, key=lambda index: key(things[index]), at_once=at_once)
    except AWAY:
        if not results:
            raise
    return [results[index] for index in sorted(results)]


_logged_at: dict[tuple[str, str], float] = {}  # when a failure of each item was last logged


def failed(name: str, of: str, error: Exception) -> None:
    """Count that a loop failed for one item, and log it unless that was done a moment ago."""
    metrics.LOOP_FAULTS.labels(name).inc()
    now = time.monotonic()
    if now - _logged_at.get((name, of), -LOGGED_AGAIN_S) < LOGGED_AGAIN_S:
        return
    if len(_logged_at) >= LOGGED_MAX:
        _logged_at.clear()
    _logged_at[name, of] = now
    log.error("a loop failed for one item and continues", loop=name, of=of, exc_info=error)
