"""The benchmark's generator: wrk sends prepared requests, and the responses are counted."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from app.core.errors import CannotRun
from app.core.model import RoomId
from app.runtime.embedded_stores import free_port
from load.measure import crowd, wrk
from load.measure.crowd import Sale
from load.measure.wrk import Requests, WrkOptions

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
SHORT = WrkOptions(connections=8, threads=2, seconds=10)


@dataclass
class Counting:
    """A server that responds to every request and remembers it; it refuses every third one."""

    url: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    heads: list[str] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it is closed."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.split(": ", 1) for line in head.strip().splitlines()[1:])
                body = (await reader.readexactly(int(headers.get("Content-Length", 0)))).decode()
                self.heads.append(head)
                self.seen[headers.get("Authorization", "") + body] += 1
                number = len(self.heads)
                status = "409 Conflict" if number % 3 == 0 else "201 Created"
                document = json.dumps({"reservation_id": f"r{number}"}, separators=(",", ":"))
                echo = headers.get("X-Request-Id", "none")
                writer.write(f"HTTP/1.1 {status}\r\nx-request-id: {echo}\r\n".encode())
                writer.write(f"content-length: {len(document)}\r\n\r\n{document}".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def counting() -> AsyncIterator[Counting]:
    counting_server, port = Counting(), free_port()
    counting_server.url = f"http://127.0.0.1:{port}"
    async with await asyncio.start_server(counting_server.answer, "127.0.0.1", port):
        yield counting_server


def some_reservations(count: int) -> Requests:
    return crowd.reservations(Sale("gala"), [f"token-{number}" for number in range(count)])


@needs_wrk
async def test_each_prepared_request_is_sent_once_and_wrk_ends_when_they_are_used_up() -> None:
    async with counting() as server:
        answers = await wrk.send(server.url, some_reservations(300), SHORT)
    assert len(server.seen) == 300
    assert set(server.seen.values()) == {1}
    assert answers.answered == {201: 200, 409: 100}
    assert answers.broken == 0
    assert answers.seconds < SHORT.seconds


@needs_wrk
async def test_what_good_answers_said_is_collected() -> None:
    async with counting() as server:
        answers = await wrk.send(server.url, some_reservations(30), SHORT)
    assert set(answers.captured) == {f"r{number}" for number in range(1, 31) if number % 3}


@needs_wrk
async def test_paced_requests_leave_once_each_and_are_recognised_by_their_request_id() -> None:
    async with counting() as server:
        options = WrkOptions(connections=8, threads=2, seconds=10, rate=400)
        answers = await wrk.send(server.url, some_reservations(100), options)
    assert len(server.seen) == 100
    assert all("X-Request-Id: " in head for head in server.heads)
    assert answers.total == 100
    assert 0 < answers.p50_ms <= answers.p99_ms
    assert answers.per_s(201, 409) < 450  # not faster than requested


@needs_wrk
async def test_lines_may_be_used_again_until_the_time_is_up() -> None:
    requests = crowd.places(RoomId("hall"), ["p1.a", "p1.b", "p1.c"])
    async with counting() as server:
        answers = await wrk.send(server.url, requests, WrkOptions(connections=2, threads=1, seconds=1))
    assert set(server.seen) == {"Bearer p1.a", "Bearer p1.b", "Bearer p1.c"}
    assert answers.total > 3


@needs_wrk
async def test_a_server_that_is_away_is_told_in_one_line() -> None:
    with pytest.raises(CannotRun, match="unable to connect"):
        await wrk.send(f"http://127.0.0.1:{free_port()}", some_reservations(3), SHORT)


def test_without_wrk_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CannotRun, match="apt-get install wrk"):
        wrk.program()


def test_every_buyer_has_a_token_a_key_and_a_body_of_its_own_length() -> None:
    requests = some_reservations(50)
    tokens, keys, lengths, bodies = zip(*requests.lines, strict=True)
    assert len(set(tokens)) == len(set(keys)) == 50
    assert [str(len(body)) for body in bodies] == list(lengths)
    items = [json.loads(body)["items"][0] for body in bodies]
    assert {item["ticket_type_id"] for item in items} == set(crowd.TICKET_TYPES)


def test_throttled_joins_come_from_many_addresses() -> None:
    lines = crowd.joins_by_address(RoomId("hall"), 70_000).lines
    assert len({address for (address,) in lines}) == 65_536
