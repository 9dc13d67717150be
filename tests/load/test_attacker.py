"""The benchmark's attacker: each flood is sent from one address, and the responses are counted."""

from __future__ import annotations

import asyncio

import pytest

from load.measure.attacker import FLOODS, Attacker, Order
from load.rows.floods import RATES, sink
from tests.support.waiting import wait_until

REFUSED = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n"
SENT = {
    "metrics": b"GET /metrics HTTP/1.1\r\n",
    "names": b"GET /v1/rooms/made-up-0 HTTP/1.1\r\n",
    "resets": b"PRI * HTTP/2.0\r\n",
    "streams": b"GET /v1/rooms/hall/events HTTP/1.1\r\n",
    "bodies": b"POST /v1/login HTTP/1.1\r\n",
    "cycles": b"POST /v1/events/gala/reservations HTTP/1.1\r\n",
}


def test_each_flood_has_a_rate() -> None:
    assert RATES.keys() == FLOODS.keys() == SENT.keys()


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_is_sent_from_one_address_and_its_answers_are_counted(flood: str) -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(REFUSED)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        attacker = Attacker(Order(flood, "127.0.0.1", port, 20, "hall", "gala", "token"))
        stopping = asyncio.Event()
        running = asyncio.create_task(attacker.run(stopping))

        async def answered() -> int:
            return attacker.answers["429"] + attacker.answers["closed"]

        try:
            await wait_until(answered, "an answer")
        finally:
            stopping.set()
            await running
    assert any(it.startswith(SENT[flood]) for it in received)
    if flood != "resets":  # not an HTTP/1 request
        assert all(b"X-Forwarded-For: 203.0.113.9\r\n" in it for it in received)


async def test_a_server_that_does_nothing_takes_every_flood() -> None:
    """At the requested pace, as the product does."""
    async with sink() as port:
        for flood in FLOODS:
            attacker, stopping = (
                Attacker(Order(flood, "127.0.0.1", port, 100, "hall", "gala", "token")),
                asyncio.Event(),
            )
            running = asyncio.create_task(attacker.run(stopping))

            async def taken(it: Attacker = attacker) -> bool:
                return it.answers["broken"] == 0 and next(it._numbers) >= 20

            try:
                await wait_until(taken, f"some of {flood}")
            finally:
                stopping.set()
                await running
            statuses = {
                "metrics": "404",
                "names": "404",
                "cycles": "404",
                "streams": "429",
                "resets": "closed",
            }
            assert attacker.answers.keys() == ({statuses[flood]} if flood in statuses else set()), flood
