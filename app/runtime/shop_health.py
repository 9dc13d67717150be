"""The health of the shop behind `fairgate gate`: measured from nginx's log, reported to the room's
autopilot."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from app import logs

WINDOW_S = 10.0
REPORT_EVERY_S = 1.0
TIMEOUT_S = 2.0
ANSWERS_MAX = 100_000  # remembered; beyond it the oldest are dropped
SERVER_ERROR = 500
HOST_NAME_MAX = 58  # with a colon and a port 64, the maximum for a room
TAG = "gate: "  # prefix of nginx's lines, after the time
_JSON = {"Content-Type": "application/json"}
_IN_FLIGHT = re.compile(r"Reading: (\d+) Writing: (\d+)")


class Answer(NamedTuple):
    """A response of the shop: its end, the time to its first byte, whether it failed."""

    at: float
    ms: float
    failed: bool


class Health(msgspec.Struct, frozen=True):
    """The report: the body of `POST /v1/rooms/{room_id}/origin`."""

    p95_ms: float
    error_rate: float
    in_flight: int | None
    server: str


class HealthReceiver(asyncio.DatagramProtocol):
    """Receives a line for each request that reached the shop. A few lost lines change no percentile."""

    def __init__(self) -> None:
        self._answers: deque[Answer] = deque(maxlen=ANSWERS_MAX)

    def datagram_received(self, data: bytes, _addr: object) -> None:
        """Receive a line of nginx's log."""
        if sample := read_line(data.decode(errors="replace"), time.monotonic()):
            self._answers.append(sample)

    def health(self, now: float, in_flight: int | None, server: str) -> Health:
        """The health over the last WINDOW_S; a shop without requests is healthy."""
        while self._answers and self._answers[0].at < now - WINDOW_S:
            self._answers.popleft()
        times = sorted(it.ms for it in self._answers)
        failed = sum(it.failed for it in self._answers)
        p95_ms = times[min(len(times) - 1, len(times) * 95 // 100)] if times else 0.0
        return Health(round(p95_ms, 1), round(failed / max(1, len(times)), 4), in_flight, server)


def read_line(line: str, now: float) -> Answer | None:
    """Parse a line, `STATUS|TIME TO HEADER|TOTAL TIME`; None: the request did not reach the shop.

    nginx lists all attempts, separated by commas and colons: the last one counts.
    """
    status, begun, duration = (re.split("[,:]", it)[-1].strip() for it in line.rpartition(TAG)[2].split("|"))
    if not status.isdecimal():
        return None
    return Answer(now, float(duration if begun == "-" else begun) * 1000, int(status) >= SERVER_ERROR)


@asynccontextmanager
async def measuring(folder: Path) -> AsyncIterator[HealthReceiver]:
    """Listen for nginx's log in this folder."""
    path, loop = folder / "health", asyncio.get_running_loop()
    transport, measured = await loop.create_datagram_endpoint(
        HealthReceiver, local_addr=str(path), family=socket.AF_UNIX
    )
    try:
        path.chmod(0o666)  # nginx may run as another user; nobody else can enter the folder
        yield measured
    finally:
        transport.close()


async def keep_reporting(
    measured: HealthReceiver, folder: Path, url: str, api_key: str, port: int, ended: asyncio.Event
) -> None:
    """Report every second until `ended`, as this host and port. A failure is logged once."""
    log, trouble, server = logs.get(__name__), "", f"{_host_name()}:{port}"
    of_nginx = httpx.AsyncHTTPTransport(uds=str(folder / "status"))
    bearer = {"Authorization": f"Bearer {api_key}"}
    async with (
        httpx.AsyncClient(transport=of_nginx, timeout=TIMEOUT_S) as nginx,
        httpx.AsyncClient(headers=bearer, timeout=TIMEOUT_S) as fairgate,
    ):
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), REPORT_EVERY_S)
            health = measured.health(time.monotonic(), await _in_flight(nginx), server)
            before, trouble = trouble, await _reported(fairgate, url, health)
            if trouble and trouble != before:
                log.warning("the shop's health is not reported", why=trouble)
            elif before and not trouble:
                log.info("the shop's health is reported again")


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:HOST_NAME_MAX]


async def _reported(client: httpx.AsyncClient, url: str, health: Health) -> str:
    """Report it; returns why that failed, "" if it succeeded."""
    try:
        answer = await client.post(url, content=msgspec.json.encode(health), headers=_JSON)
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer.is_success else f"{answer.status_code} {answer.text[:200]}"


async def _in_flight(nginx: httpx.AsyncClient) -> int | None:
    """How many requests nginx is handling, except ours."""
    try:
        match = _IN_FLIGHT.search((await nginx.get("http://nginx/")).text)
    except httpx.HTTPError:
        return None
    return max(0, int(match[1]) + int(match[2]) - 1) if match else None
