"""One attacker, as a separate process: `python -m load.measure.attacker JSON`, until it is ended by SIGTERM.

It has one address, reported by a trusted proxy like those of honest visitors, and keeps to a rate: what is
measured is the cost of its requests to the product, not the cost of sending them on this machine. At the end
it prints a line of JSON that says how its requests were answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count

import msgspec

ADDRESS = "203.0.113.9"
CONNECTIONS = 20
SLOW_CONNECTIONS = 300
SLOW_EVERY_S = 5.0
ANSWER_S = 10.0
AGAIN_S = 1.0  # before a refused connection is retried
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


class Order(msgspec.Struct, frozen=True):
    """What to do, where, and how often."""

    flood: str
    host: str
    port: int
    per_s: int
    room_id: str = ""
    event_id: str = ""
    booking_token: str = ""


class Attacker:
    """Sends its requests at no more than the given rate."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.answers: Counter[str] = Counter()
        self._numbers = count()
        self._turns = asyncio.Semaphore(0)

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until SIGTERM."""
        one, at_once = FLOODS[self.order.flood]
        tasks = [asyncio.create_task(self._retry(one)) for _ in range(at_once)]
        while not stopping.is_set():
            await asyncio.sleep(0.05)
            if not self._turns.locked():
                continue  # it is slower than its rate
            for _ in range(max(1, self.order.per_s // 20)):
                self._turns.release()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _retry(self, one: Callable[[Attacker], Awaitable[None]]) -> None:
        while True:
            try:
                await one(self)
            except (OSError, EOFError, TimeoutError):
                self.answers["broken"] += 1
                await asyncio.sleep(AGAIN_S)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection to the product."""
        return await asyncio.open_connection(self.order.host, self.order.port)

    async def turn(self) -> int:
        """Wait until the rate allows another request; return its number."""
        await self._turns.acquire()
        return next(self._numbers)

    def head(self, method: str, path: str, **headers: str) -> bytes:
        """Build a request without its body."""
        lines = {"Host": self.order.host, "X-Forwarded-For": ADDRESS, **headers}
        text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode()

    async def answer(self, reader: asyncio.StreamReader) -> bytes:
        """Read one response to its end; return its body if it succeeded, else b""."""
        async with asyncio.timeout(ANSWER_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = head.partition("content-length:")[2].partition("\r\n")[0].strip()
            body = await reader.readexactly(int(length or 0))
        status = head.split(" ", 2)[1]
        self.answers[status] += 1
        return body if status.startswith("2") else b""


async def _requests(it: Attacker, request: Callable[[int], bytes]) -> None:
    reader, writer = await it.connect()
    with contextlib.closing(writer):
        while True:
            writer.write(request(await it.turn()))
            await it.answer(reader)


async def metrics(it: Attacker) -> None:
    """Request the operators' metrics on the public port."""
    await _requests(it, lambda _: it.head("GET", "/metrics"))


async def names(it: Attacker) -> None:
    """Request rooms that do not exist, each under another name."""
    await _requests(it, lambda number: it.head("GET", f"/v1/rooms/made-up-{number}"))


async def resets(it: Attacker) -> None:
    """Open connections that speak HTTP/2 with prior knowledge, and open and reset a hundred streams on
    each."""
    await it.turn()
    reader, writer = await it.connect()
    with contextlib.closing(writer):
        frames = [
            b"\x00\x00\x01\x01\x05" + stream.to_bytes(4, "big") + b"\x82"
            + b"\x00\x00\x04\x03\x00" + stream.to_bytes(4, "big") + b"\x00\x00\x00\x08"
            for stream in range(1, 201, 2)
        ]  # fmt: skip
        writer.write(PREFACE + b"".join(frames))
        async with asyncio.timeout(ANSWER_S):
            await reader.read(4096)
    it.answers["closed"] += 1


async def streams(it: Attacker) -> None:
    """Hold event streams open; request a refused one again."""
    await it.turn()
    reader, writer = await it.connect()
    with contextlib.closing(writer):
        writer.write(it.head("GET", f"/v1/rooms/{it.order.room_id}/events"))
        head = await reader.readuntil(b"\r\n\r\n")
        it.answers[head.split(b" ", 2)[1].decode()] += 1
        if head.startswith(b"HTTP/1.1 200"):
            while await reader.read(65_536):
                pass
        else:
            await asyncio.sleep(AGAIN_S)


async def bodies(it: Attacker) -> None:
    """Send requests whose bodies arrive one byte at a time."""
    await it.turn()
    reader, writer = await it.connect()
    with contextlib.closing(writer):
        writer.write(it.head("POST", "/v1/login", Content_Type="application/json", Content_Length="4000"))
        while not reader.at_eof():
            writer.write(b" ")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SLOW_EVERY_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    it.answers[head.split(b" ", 2)[1].decode()] += 1
                    return


async def cycles(it: Attacker) -> None:
    """Hold tickets and cancel them, over and over."""
    reader, writer = await it.connect()
    inside = {"Authorization": f"Bearer {it.order.booking_token}"}
    body = b'{"items":[{"ticket_type_id":"floor","quantity":1}]}'
    with contextlib.closing(writer):
        while True:
            key = f"cycle-{time.monotonic_ns()}-{await it.turn()}"
            about = {"Idempotency_Key": key, "Content_Type": "application/json"}
            path = f"/v1/events/{it.order.event_id}/reservations"
            writer.write(it.head("POST", path, Content_Length=str(len(body)), **inside, **about) + body)
            if held := await it.answer(reader):
                path = f"/v1/reservations/{msgspec.json.decode(held)['reservation_id']}/cancel"
                writer.write(it.head("POST", path, Content_Length="0", **inside))
                await it.answer(reader)


FLOODS: dict[str, tuple[Callable[[Attacker], Awaitable[None]], int]] = {
    "metrics": (metrics, CONNECTIONS),
    "names": (names, CONNECTIONS),
    "resets": (resets, CONNECTIONS),
    "streams": (streams, 600),
    "bodies": (bodies, SLOW_CONNECTIONS),
    "cycles": (cycles, CONNECTIONS),
}


async def main(order: Order) -> None:
    """Attack until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    attacker = Attacker(order)
    await attacker.run(stopping)
    print(msgspec.json.encode(dict(attacker.answers)).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Order)))
