"""What no HTTP client would send, byte by byte: refused or dropped, and the server keeps running."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.store.keys import RoomKeys
from tests.chaos.crowd import Sale
from tests.chaos.site import Site
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.chaos

JOIN = b"POST /v1/rooms/{room}/places HTTP/1.1\r\nHost: a\r\n"
CONFIRM = b"POST /v1/reservations/any/confirm HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
STATUS = b"GET /v1/rooms/{room} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"

DROPPED: dict[str, bytes] = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "a line without end": b"GET /" + b"a" * 1_000_000,
    "an invalid length": JOIN + b"Content-Length: many\r\n\r\n",
    "a length below zero": JOIN + b"Content-Length: -1\r\n\r\n",
    "two lengths": JOIN + b"Content-Length: 0\r\nContent-Length: 2\r\n\r\n{}",
    "an unknown transfer coding": JOIN + b"Transfer-Encoding: rot13\r\n\r\n",
    "invalid chunks": JOIN + CHUNKED + b"xyz\r\n{}",
    "invalid chunks, to Quart": CONFIRM + CHUNKED + b"xyz\r\n{}",
    "a NUL in a header": JOIN + b"X-Request-Id: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a header without a name": JOIN + b": value\r\nContent-Length: 0\r\n\r\n",
    "headers without end": JOIN + b"".join(b"X-%d: %s\r\n" % (i, b"v" * 900) for i in range(1_200)),
}


@pytest.mark.parametrize("name", DROPPED)
async def test_what_is_no_request_changes_nothing(site: Site, name: str) -> None:
    sale = await site.open_sale()
    before = await _room_state(site, sale)
    answer = await _exchange(site, DROPPED[name].replace(b"{room}", sale.room_id.encode()))
    assert answer == b"" or _status(answer) == 501 or 400 <= _status(answer) < 500, answer[:200]
    assert await _room_state(site, sale) == before
    assert b" 200 " in await _exchange(site, STATUS.replace(b"{room}", sale.room_id.encode()) + b"\r\n")


@pytest.mark.parametrize(
    "sent",
    [b"a\nX-Evil: 1", b"a\r\n X-Evil: 1", b"a%0d%0aX-Evil: 1", b"<script>", b"x" * 129, b"\xff\xfe", b""],
    ids=["newline", "folded", "encoded", "markup", "long", "bytes", "empty"],
)
async def test_a_request_id_cannot_bring_a_header_or_anything_strange(site: Site, sent: bytes) -> None:
    sale = await site.open_sale()
    request = STATUS.replace(b"{room}", sale.room_id.encode()) + b"X-Request-Id: " + sent + b"\r\n\r\n"
    head = await _exchange(site, request)
    lines = head.lower().split(b"\r\n")[1:]
    assert not [line for line in lines if line.startswith(b"x-evil")]
    if _status(head) == 200:
        (request_id,) = [line.partition(b": ")[2] for line in lines if line.startswith(b"x-request-id")]
        assert request_id
        assert request_id != sent.lower()
    else:
        assert _status(head) == 400


async def test_one_who_sends_slowly_or_leaves_keeps_nobody_up(site: Site) -> None:
    sale = await site.open_sale()
    before = await _room_state(site, sale)
    address = urlsplit(site.up.url)
    half = b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    slow = [await asyncio.open_connection(address.hostname, address.port) for _ in range(50)]
    for i, (_, writer) in enumerate(slow):
        writer.write((CONFIRM if i % 2 else JOIN.replace(b"{room}", sale.room_id.encode())) + half)
        await writer.drain()
    assert b" 200 " in await _exchange(site, STATUS.replace(b"{room}", sale.room_id.encode()) + b"\r\n")
    for _, writer in slow:
        writer.transport.abort()
    assert b" 200 " in await _exchange(site, STATUS.replace(b"{room}", sale.room_id.encode()) + b"\r\n")
    assert await _room_state(site, sale) == before


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def _room_state(site: Site, sale: Sale) -> list[Any]:
    """Who is in the queue."""
    async with site.stores() as stores:
        redis: Any = stores.redis
        keys = RoomKeys(sale.room_id)
        last = await redis.hget(keys.meter, "last_number")
        return [last, await redis.zcard(keys.waiting), await redis.zcard(keys.called)]


async def _exchange(site: Site, request: bytes) -> bytes:
    """The head of the response; empty if the server closes, or waits for more, without one."""
    address = urlsplit(site.up.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(request)
        await writer.drain()
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    except (ConnectionError, asyncio.IncompleteReadError):
        return b""
    finally:
        writer.transport.abort()
