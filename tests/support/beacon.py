"""A chain of the randomness beacon whose key we hold, and a relay of it: real signatures over real HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import msgspec
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from app.core.assurance.beacon import DOMAIN, Chain, Metadata, hash_of, randomness_of, round_at_ms

SECRET = Scalar(2_718_281_828_459_045)


def a_chain(genesis_time: int, period: int = 3) -> Chain:
    """A chain of `SECRET`."""
    key = bytes((G2Point() * SECRET).to_compressed_bytes()).hex()
    chain = Chain(key, period, genesis_time, "0" * 64, "ab" * 32, metadata=Metadata("ours"))
    return msgspec.structs.replace(chain, hash=hash_of(chain))


def signature_of(number: int) -> bytes:
    """The signature of a round, as the members of the chain create it together."""
    message = hashlib.sha256(number.to_bytes(8)).digest()
    return bytes((G1Point.hash_to_curve(message, DOMAIN) * SECRET).to_compressed_bytes())


@dataclass
class BeaconRelay:
    """A relay that serves the rounds of a chain that are due. With `away` it responds with 503."""

    chain: Chain
    url: str = ""
    away: bool = False
    forges: bool = False  # signs with another key
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.requests.append(path)
            status, body = self._answer(path)
            writer.write(f"HTTP/1.1 {status} .\r\nconnection: close\r\n\r\n".encode() + body)
        writer.close()

    def _answer(self, path: str) -> tuple[int, bytes]:
        number = int(path.removeprefix(f"/{self.chain.hash}/public/"))
        if self.away:
            return 503, b""
        if round_at_ms(self.chain, number) > time.time() * 1000:
            return 404, b""
        signature = signature_of(number + 1 if self.forges else number)
        document = {
            "round": number,
            "randomness": randomness_of(signature).hex(),
            "signature": signature.hex(),
        }
        return 200, json.dumps(document).encode()


@asynccontextmanager
async def a_relay(chain: Chain) -> AsyncIterator[BeaconRelay]:
    """A relay on a loopback port."""
    relay = BeaconRelay(chain)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield relay


@contextmanager
def relay_in_a_thread(chain: Chain) -> Iterator[BeaconRelay]:
    """A relay for a program that runs in another process."""
    relay, loop, ready = BeaconRelay(chain), asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        async with a_relay(chain) as it:
            relay.url = it.url
            ready.set()
            await ended.wait()

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(10)
        yield relay
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
