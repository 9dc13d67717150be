"""Hand-over tickets, which carry a claimed turn to the shop's host, and codes, which carry a place to another
browser.

No I/O; the time is an argument. A ticket is a query parameter of the return address, valid for one use within
a minute, in one room and on one host. A code is valid for one use within ten minutes, in one room. Their use
is recorded in Redis; everything else is inside them, so issuing one needs no store.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os

import msgspec

from app.core.base64url import from_base64url, to_base64url
from app.core.errors import CredentialInvalid
from app.core.model import RoomId, VisitorId

TICKET = "fairgate_ticket"  # the query parameter
TICKET_TTL_S = 60
TICKET_LENGTH_MAX = 1000
CARRY_TTL_S = 600
_PREFIX = "t1"
_CODE_PREFIX = "c1"
_NET_BYTES = 9


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """The content of a hand-over ticket."""

    ticket_id: str
    room_id: RoomId
    visitor_id: VisitorId
    queue_number: int
    began: int  # when the session was claimed, in seconds
    host: str  # where it may be used, as in the address: host and port
    exp: int


class CarryCode(msgspec.Struct, frozen=True, array_like=True):
    """The content of a code: the place it hands to its bearer."""

    code_id: str
    room_id: RoomId
    visitor_id: VisitorId
    exp: int


class HandoverSigner:
    """Signs and reads tickets and codes, and derives the network hash that a pass is bound to."""

    def __init__(self, secret: bytes) -> None:
        self._ticket_key = hmac.digest(secret, b"fairgate gate ticket", "sha256")
        self._code_key = hmac.digest(secret, b"fairgate carry code", "sha256")
        self._net_key = hmac.digest(secret, b"fairgate gate network", "sha256")

    def sign(self, ticket: Ticket) -> str:
        """The ticket, signed and encoded."""
        return _signed(_PREFIX, ticket, self._ticket_key)

    def read(self, text: str, now_s: int) -> Ticket:
        """Read a ticket. Raises CredentialInvalid unless it is one of ours and has not expired."""
        ticket = msgspec.json.decode(_payload(_PREFIX, text, self._ticket_key, "ticket"), type=Ticket)
        if ticket.exp <= now_s:
            raise CredentialInvalid("The ticket has expired.")
        return ticket

    def sign_code(self, room_id: RoomId, visitor_id: VisitorId, now_s: int, ttl_s: int = CARRY_TTL_S) -> str:
        """Issue a code for this visitor's place."""
        code = CarryCode(new_ticket_id(), room_id, visitor_id, now_s + ttl_s)
        return _signed(_CODE_PREFIX, code, self._code_key)

    def read_code(self, text: str, now_s: int) -> CarryCode:
        """Read a code. Raises CredentialInvalid unless it is one of ours and has not expired."""
        code = msgspec.json.decode(_payload(_CODE_PREFIX, text, self._code_key, "code"), type=CarryCode)
        if code.exp <= now_s:
            raise CredentialInvalid("The code has expired.")
        return code

    def net(self, address: str) -> str:
        """A client's network, a /24 or /64, as a keyed hash; an unparsable address counts as a network of
        its own."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            network = address
        else:
            ip = getattr(ip, "ipv4_mapped", None) or ip
            network = str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 64), strict=False))
        return to_base64url(
            hashlib.blake2b(network.encode(), key=self._net_key, digest_size=_NET_BYTES).digest()
        )


def new_ticket_id() -> str:
    """A new unguessable ticket id."""
    return to_base64url(os.urandom(12))


def without_ticket(address: str) -> str:
    """The address as it was before a ticket was added; the rest is preserved byte for byte."""
    if TICKET not in address:
        return address
    before, mark, fragment = address.partition("#")
    path, question, query = before.partition("?")
    parts = [it for it in query.split("&") if it.partition("=")[0] != TICKET]
    return path + (question if parts else "") + "&".join(parts) + mark + fragment


def ticket_in(address: str) -> str:
    """The ticket in an address; "" for none. Of several the last, because ours is appended."""
    if TICKET not in address:
        return ""
    query = address.partition("#")[0].partition("?")[2]
    tickets = [it.partition("=")[2] for it in query.split("&") if it.partition("=")[0] == TICKET]
    return tickets[-1] if tickets else ""


def with_ticket(address: str, text: str) -> str:
    """The address with this ticket in place of any it had."""
    before, mark, fragment = without_ticket(address).partition("#")
    return f"{before}{'&' if '?' in before else '?'}{TICKET}={text}{mark}{fragment}"


def _signed(prefix: str, claims: msgspec.Struct, key: bytes) -> str:
    payload = to_base64url(msgspec.json.encode(claims))
    return f"{prefix}.{payload}.{_mac(payload, key)}"


def _payload(prefix: str, text: str, key: bytes, kind: str) -> bytes:
    """Verify and return the signed payload. Raises CredentialInvalid."""
    sent, _, rest = text.partition(".")
    payload, _, mac = rest.partition(".")
    if sent != prefix or not text.isascii() or len(text) > TICKET_LENGTH_MAX:
        raise CredentialInvalid(f"This is not a {kind}.")
    if not hmac.compare_digest(_mac(payload, key), mac):
        raise CredentialInvalid(f"The {kind} was not issued here.")
    return from_base64url(payload)


def _mac(payload: str, key: bytes) -> str:
    return to_base64url(hashlib.blake2b(payload.encode(), key=key, digest_size=24).digest())
