"""Ten thousand open streams at one web process: the cost of each, and how fast a tick reaches all of them."""

from __future__ import annotations

import asyncio
import resource
import time
from urllib.parse import urlsplit

from app.core.model import RoomId
from load.measure import crowd
from load.measure.figures import Figure, Row, missing
from load.measure.trials import Run
from load.servers.product import NotStarted, Product

OPEN_TIMEOUT_S = 120.0
DELIVERED_TIMEOUT_S = 30.0
AT_ONCE = 200  # connections being opened concurrently
BETWEEN_S = 1.3  # between ticks: longer than the second in which the server sends only one
SPARE_FILES = 200


class Reader(asyncio.Protocol):
    """One stream, which looks for the mark of the newest tick in its input."""

    def __init__(self, crowd: Readers) -> None:
        self._crowd = crowd
        self._opened = False
        self._tail = b""
        self._last_mark = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Request the stream."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._crowd.request)
        self._crowd.transports.append(transport)

    def data_received(self, data: bytes) -> None:
        """Count the stream once it has begun, and each tick once."""
        text = self._tail + data
        if not self._opened and b"event: status" in text:
            self._opened = True
            self._crowd.count_opened()
        mark = self._crowd.mark
        if mark and self._last_mark != mark and mark in text:
            self._last_mark = mark
            self._crowd.count_delivered()
        self._tail = text[-64:]  # a mark may arrive in two pieces

    def connection_lost(self, error: Exception | None) -> None:
        """Note that a stream ended by itself, so one is missing."""
        self._crowd.lost += 1


class Readers:
    """All the streams of one room."""

    def __init__(self, url: str, room_id: RoomId, count: int) -> None:
        where = urlsplit(url)
        self._where = where.hostname or "", where.port or 80
        self._count = count
        self._all_open, self._all_delivered = asyncio.Event(), asyncio.Event()
        self.request = (
            f"GET /v1/rooms/{room_id}/events HTTP/1.1\r\nHost: {where.netloc}\r\n"
            "Accept: text/event-stream\r\n\r\n"
        ).encode()
        self.transports: list[asyncio.Transport] = []
        self.mark = b""
        self.opened = self.lost = self.delivered = 0
        self.first_at = self.last_at = 0.0

    def count_opened(self) -> None:
        """Count one more stream with its first document."""
        self.opened += 1
        if self.opened == self._count:
            self._all_open.set()

    def count_delivered(self) -> None:
        """Count one more stream that has the tick."""
        self.last_at = time.monotonic()
        self.first_at = self.first_at or self.last_at
        self.delivered += 1
        if self.delivered == self._count:
            self._all_delivered.set()

    async def open(self) -> None:
        """Open all streams; each has the current document on return. Raises NotStarted."""
        loop, slots = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)

        async def connect() -> None:
            async with slots:
                await loop.create_connection(lambda: Reader(self), *self._where)

        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await asyncio.gather(*(connect() for _ in range(self._count)))
                await self._all_open.wait()
        except (TimeoutError, OSError) as error:
            raise NotStarted(f"{self.opened} of {self._count} streams opened: {error!r}") from None

    def expect(self, mark: str) -> None:
        """From now on count the streams that receive this mark."""
        self.mark, self.delivered, self.first_at = mark.encode(), 0, 0.0
        self._all_delivered.clear()

    async def all_delivered(self) -> bool:
        """Whether every stream received the mark within the deadline."""
        try:
            await asyncio.wait_for(self._all_delivered.wait(), DELIVERED_TIMEOUT_S)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Close all streams."""
        for transport in self.transports:
            transport.abort()


async def streams(run: Run) -> Row:
    """Open streams of one room at one web process; every tick changes the room's document."""
    count = run.size.streams
    if (allowed := _allow_files(count + SPARE_FILES)) < count + SPARE_FILES:
        return missing("streams", f"{count:,} streams need more open files than {allowed:,} (ulimit -n)")
    async with run.product() as product:
        room_id = await crowd.open_room(product, "streams")
        before = product.memory("web")
        readers = Readers(product.url, room_id, count)
        try:
            await readers.open()
            each = (product.memory("web") - before) / count / 1000
            cpu_before = product.cpu_s()["web"]
            late_s, spread_s, missed = await _ticks(run, product, room_id, readers)
            each_after = (product.memory("web") - before) / count / 1000
            cpu_us = 1e6 * (product.cpu_s()["web"] - cpu_before) / (count * run.size.stream_ticks)
        finally:
            readers.close()
    figures = [
        Figure.of("KB each", [each], at_most=25),
        Figure.of("KB each after the ticks", [each_after], at_most=25),
        Figure.of("tick to the last stream, s", late_s, at_most=1),
        Figure.of("the slowest of these, s", [max(late_s)], at_most=1),
        Figure.of("first stream to the last, s", spread_s),
        Figure.of("deliveries missed", [float(missed)], at_most=0),
        Figure.of("web, us a delivery", [cpu_us]),
    ]
    note = f"{count:,} streams, {run.size.stream_ticks} ticks, timed from the response to the staff's change"
    return Row(name="streams", figures=figures, note=note)


async def _ticks(
    run: Run, product: Product, room_id: RoomId, readers: Readers
) -> tuple[list[float], list[float], int]:
    late_s, spread_s, missed = [], [], 0
    for number in range(run.size.stream_ticks):
        await asyncio.sleep(BETWEEN_S)
        mark = f"tick-{number:04}-"
        readers.expect(mark)
        await product.call("PATCH", f"/v1/rooms/{room_id}", {"message": mark})
        changed_at = time.monotonic()
        if not await readers.all_delivered():
            missed += run.size.streams - readers.delivered
        late_s.append(max(0.0, readers.last_at - changed_at))
        spread_s.append(max(0.0, readers.last_at - readers.first_at))
    return late_s, spread_s, missed


def _allow_files(count: int) -> int:
    """Raise this process's limit of open files; return the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        soft = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
