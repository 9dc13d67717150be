"""For tests of proxies: a shop that echoes requests, a fake Fairgate that admits all, and a certificate."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from quart import Quart, Response, request, websocket

BIG = 40_000_000


@dataclass
class Shop:
    """A shop that echoes what it receives."""

    quart: Quart = field(default_factory=lambda: Quart("shop"))
    uploaded: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)  # an upload's chunks so far
    on: asyncio.Event = field(default_factory=asyncio.Event)  # lets the stream continue

    def __post_init__(self) -> None:
        @self.quart.route("/", methods=["GET", "POST"])
        async def page() -> Response:
            if request.method == "POST":
                async for chunk in request.body:
                    self.uploaded.put_nowait(bytes(chunk))
            headers = json.dumps({name.lower(): value for name, value in request.headers.items()})
            return Response(headers, content_type="text/html", headers={"Set-Cookie": "basket=1"})

        @self.quart.route("/events")
        async def events() -> Response:
            async def headers() -> AsyncIterator[bytes]:
                yield b"data: first\n\n"
                await self.on.wait()
                yield b"data: last\n\n"

            return Response(headers(), content_type="text/event-stream")

        @self.quart.route("/big")
        async def big() -> Response:
            async def headers() -> AsyncIterator[bytes]:
                for _ in range(BIG // 100_000):
                    yield b"x" * 100_000

            found = Response(headers(), content_type="application/octet-stream")
            found.timeout = None
            return found

        @self.quart.websocket("/ws")
        async def echo() -> None:
            while True:
                await websocket.send("echo " + str(await websocket.receive()))


@dataclass
class Reports:
    """Replaces Fairgate: admits everybody, and records what is reported about the shop."""

    quart: Quart = field(default_factory=lambda: Quart("fairgate"))
    received: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        @self.quart.route("/v1/rooms/hall")
        @self.quart.route("/v1/rooms/hall/gate")
        async def gate() -> tuple[str, int]:
            return "", 204

        @self.quart.post("/v1/rooms/hall/origin")
        async def origin() -> str:
            assert request.headers["Authorization"] == "Bearer a key"
            self.received.append(await request.get_json())
            return ""


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file
