"""The figures of running sales as every page of the console shows them: one board per web process.

It is read every two seconds while the console is in use, for all viewers: pages and streams show its content,
and query no store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from app.core.errors import StoreUnavailable
from app.core.model import Room, RoomId, RoomState, RoomStatus
from app.loops import failed
from app.monitoring.health import Unreachable, within_deadline
from app.store.keys import RoomKeys
from app.store.redis import ledger
from app.waiting_room import room_lists
from app.waiting_room.queue import Queues

READ_EVERY_S = 2.0
LOOKED_AT_S = 60.0  # the console counts as in use for this long after a page view; open streams renew it
STALE_MAX_S = 30.0  # how long figures that cannot be refreshed are shown
SALES_MAX = 50  # at most, the most recently opened
RUNNING: tuple[RoomState, ...] = ("open", "paused", "sold_out", "prequeue")


class SaleFigures(msgspec.Struct, frozen=True):
    """The figures of a running sale."""

    room_id: RoomId
    name: str
    test: bool
    state: RoomState
    waiting: int
    inside: int  # called, or in a session
    sold: int
    free: int
    per_minute: int  # calls, measured


class SalesBoard:
    """One per process; `run` must run to update it. `news` is called whenever a figure has changed."""

    def __init__(self, queues: Queues, news: Callable[[], None], closing: asyncio.Event) -> None:
        self._queues = queues
        self._news = news
        self._closing = closing
        self._reading = asyncio.Lock()
        self._tried_at = self._read_at = self._looked_at = -LOOKED_AT_S
        self._sales: tuple[SaleFigures, ...] | None = None

    @property
    def figures(self) -> tuple[SaleFigures, ...] | None:
        """The running sales, the last opened first; None while they cannot be read."""
        self._looked_at = time.monotonic()
        return self._sales

    async def current(self) -> tuple[SaleFigures, ...] | None:
        """The same, read now if nobody has looked for a while. A failure must not break the page."""
        looked_at, self._looked_at = self._looked_at, time.monotonic()
        if time.monotonic() - looked_at >= LOOKED_AT_S or self._sales is None:
            try:
                await self._read()
            except Exception as error:  # whatever the cause, it affects only these figures
                failed("sales_board", "figures above a page", error)
        return self._sales

    async def run(self) -> None:
        """Read the sales while somebody looks, until the process is asked to stop."""
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), READ_EVERY_S)
            if time.monotonic() - self._looked_at < LOOKED_AT_S:
                await self._read()

    async def _read(self) -> None:
        """Read unless that was tried a moment ago. While a store is unavailable figures stay, for a while."""
        async with self._reading:
            if time.monotonic() - self._tried_at < READ_EVERY_S / 2:
                return
            self._tried_at = time.monotonic()
            result: tuple[SaleFigures, ...] | Unreachable | None = None
            with suppress(StoreUnavailable):
                result = await within_deadline(self._figures())
            if result is not None and not isinstance(result, Unreachable):
                self._read_at = self._tried_at
                self._show(result)
            elif self._tried_at - self._read_at >= STALE_MAX_S:
                self._show(None)

    def _show(self, sales: tuple[SaleFigures, ...] | None) -> None:
        if sales != self._sales:
            self._sales = sales
            self._news()

    async def _figures(self) -> tuple[SaleFigures, ...]:
        on_sale = await room_lists.on_sale(self._queues, limit=SALES_MAX)
        running = [(room, status) for room, status in on_sale if status.state in RUNNING]
        keys = [RoomKeys(room.room_id) for room, _ in running]
        stocks = await ledger.stocks(self._queues.stores.redis, keys)
        return tuple(
            _figures(room, status, stock.get("sold", 0))
            for (room, status), stock in zip(running, stocks, strict=True)
        )


def _figures(room: Room, status: RoomStatus, sold: int) -> SaleFigures:
    about = room.room_id, room.settings.name, room.settings.test, status.state
    people = status.waiting, status.called + status.active
    return SaleFigures(*about, *people, sold, status.available or 0, status.outflow_per_minute)
