"""A small name server on 127.0.0.1: real messages over UDP, for a zone that the test defines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.reversename
import dns.rrset

SILENT, BROKEN = "silent", "broken"


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """`zone` maps name and type to the answer; anything else is NXDOMAIN."""

    zone: dict[tuple[str, str], list[str]]
    queries: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""
    _transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer one question."""
        queries = dns.message.from_wire(data)
        question = queries.question[0]
        key = str(question.name), question.rdtype.name
        self.queries.append(key)
        found = self.zone.get(key)
        if found == [SILENT]:
            return
        answer = dns.message.make_response(queries)
        answer.flags |= dns.flags.RA
        if found == [BROKEN]:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, found))
        self._transport.sendto(answer.to_wire(), addr)

    def put(self, address: str, *names: str, forward: str = "") -> None:
        """Give an address these reverse names; the first of them has `forward` as its address."""
        self.zone[reverse(address), "PTR"] = [f"{it}." if "." in it else it for it in names]
        if forward:
            self.zone[f"{names[0]}.", "AAAA" if ":" in forward else "A"] = [forward]


def reverse(address: str) -> str:
    """The name that holds an address's reverse names."""
    return str(dns.reversename.from_address(address))


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """A running name server with an empty zone."""
    server = NameServer({})
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    server.address = "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])
    try:
        yield server
    finally:
        transport.close()
