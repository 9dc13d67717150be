"""The benchmark's server that does nothing: `python -m load.servers.sink`, which prints its port.

Honest visitors are measured while an attacker floods this server, then while the same attacker floods the
product, so both include the cost of sending a flood. It responds as the product does, at almost no cost.
"""

from __future__ import annotations

import asyncio
from typing import cast

import uvloop

NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
WAITS = b"POST /v1/login "  # for a body that does not arrive
CLOSES = (b"PRI ", b"GET /v1/rooms/")


class Sink(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the response."""
        self._transport = cast(asyncio.Transport, transport)
        self._waits = False

    def data_received(self, data: bytes) -> None:
        """Answer, or wait for the rest."""
        if self._waits or data.startswith(WAITS):
            self._waits = True
        elif data.startswith(CLOSES) and b"/made-up-" not in data:
            self._transport.write(TOO_MANY)
            self._transport.close()
        else:
            self._transport.write(NOTHING)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
