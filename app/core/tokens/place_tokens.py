"""Place tokens: the identity of a visitor. No I/O.

They carry a MAC: only Fairgate reads them, and one is signed on every join."""

from __future__ import annotations

import hashlib
import hmac
import os

from app.core.base64url import from_base64url, to_base64url
from app.core.errors import CredentialInvalid
from app.core.lanes import ORDINARY
from app.core.model import RoomId, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.core.tokens.proof_of_work import WorkSigner
from app.core.visitor_ids import NETWORK_BYTES, VISITOR_ID_BYTES

TOKEN_LENGTH_MAX = 4096
REQUEST_ID_MAX = 100
_PLACE = "p1"
_MEMBER = "m"


def new_visitor_id(network: str = "") -> VisitorId:
    """A new unguessable visitor_id: 16 random bytes as 22 characters, then the network it was issued for.

    The queue thus knows the network of each of a million visitors at no extra cost (`include/networks.lua`).
    """
    return VisitorId(to_base64url(os.urandom(VISITOR_ID_BYTES)) + network)


def new_member_id(lane: int = ORDINARY) -> VisitorId:
    """A new unguessable visitor_id of a member, of `MEMBER_ID_CHARS`: no other visitor's id is as long.

    Its last character is their lane.
    """
    return VisitorId(to_base64url(os.urandom(VISITOR_ID_BYTES)) + (str(lane) if lane else _MEMBER))


class PlaceSigner:
    """Signs and reads place tokens, and derives ids that must be the same in every process; `work` signs the
    challenges that newcomers solve before they have one."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("the secret that signs place tokens needs at least 16 bytes")
        self._token_key = _derived(secret, b"place token")
        self._jti_key = _derived(secret, b"booking token id")
        self._account_key = _derived(secret, b"visitor of an account")
        self._network_key = _derived(secret, b"network of a visitor")
        self._member_key = _derived(secret, b"member of a room")
        self._request_key = _derived(secret, b"request id")
        self.work = WorkSigner(_derived(secret, b"proof of work"))

    def sign(self, claims: PlaceClaims) -> str:
        """Issue the place token with these claims."""
        number = "" if claims.queue_number is None else claims.queue_number
        text = f"{claims.room_id} {claims.visitor_id} {number} {claims.epoch}"
        if claims.quantity or claims.generation:
            text += f" {claims.quantity}"
        if claims.generation:
            text += f" {claims.generation}"
        payload = to_base64url(text.encode())
        return f"{_PLACE}.{payload}.{self._mac(payload)}"

    def read(self, token: str) -> PlaceClaims:
        """Verify a token and return its claims. Raises CredentialInvalid unless exactly this token was
        signed here."""
        prefix, _, rest = token.partition(".")
        payload, _, mac = rest.partition(".")
        if prefix != _PLACE or not token.isascii() or len(token) > TOKEN_LENGTH_MAX:
            raise CredentialInvalid("This is not a place token.")
        # The MAC covers the encoded text and is compared encoded, so no alternative encoding is accepted.
        if not hmac.compare_digest(self._mac(payload), mac):
            raise CredentialInvalid("The place token was not issued here. Join again for a new one.")
        room_id, visitor_id, number, epoch, *more = from_base64url(payload).decode().split(" ")
        return PlaceClaims(
            room_id=RoomId(room_id),
            visitor_id=VisitorId(visitor_id),
            queue_number=int(number) if number else None,
            epoch=int(epoch),
            quantity=int(more[0]) if more else 0,
            generation=more[1] if len(more) > 1 else "",
        )

    def jti(self, room_id: RoomId, visitor_id: VisitorId, exp: int) -> str:
        """The id of a session's booking token; claiming again yields the same one."""
        text = f"{room_id} {visitor_id} {exp}".encode()
        return to_base64url(hmac.digest(self._jti_key, text, "sha256")[:16])

    def account_visitor(self, room_id: RoomId, subject: str) -> VisitorId:
        """The visitor_id of an account in a room: the same on every device."""
        text = f"{room_id} {subject}".encode()
        return VisitorId(to_base64url(hmac.digest(self._account_key, text, "sha256")[:16]))

    def member_key(self, room_id: RoomId, name: str) -> bytes:
        """The stored key for a member's name: it reveals nothing about them, and differs by room."""
        return hmac.digest(self._member_key, f"{room_id} {name}".encode(), "sha256")

    def network(self, room_id: RoomId, address: str) -> str:
        """A client address reduced to 4 characters that tell only which visitors of a room share one."""
        text = f"{room_id} {address}".encode()
        return to_base64url(hashlib.blake2b(text, key=self._network_key, digest_size=NETWORK_BYTES).digest())

    def request_id(self, room_id: RoomId, visitor_id: VisitorId, at_s: int) -> str:
        """The id by which another waiting room's client knows a visitor: whoever has it acts for them."""
        text = f"{visitor_id}.{at_s}"
        return f"{text}.{self._request_mac(room_id, text)}"

    def read_request_id(self, room_id: RoomId, text: str) -> tuple[VisitorId, int] | None:
        """The visitor of a request id and its creation time (s); None: it was not issued here for this
        room."""
        payload, _, mac = text.rpartition(".")
        if len(text) > REQUEST_ID_MAX or not text.isascii():
            return None
        if not hmac.compare_digest(self._request_mac(room_id, payload), mac):
            return None
        visitor_id, _, at_s = payload.rpartition(".")
        return VisitorId(visitor_id), int(at_s)

    def _request_mac(self, room_id: RoomId, text: str) -> str:
        raw = hashlib.blake2b(f"{room_id} {text}".encode(), key=self._request_key, digest_size=18).digest()
        return to_base64url(raw)

    def _mac(self, payload: str) -> str:
        """Keyed BLAKE2b (RFC 7693): a third of what HMAC costs, and each join signs."""
        return to_base64url(hashlib.blake2b(payload.encode(), key=self._token_key, digest_size=32).digest())


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, b"fairgate " + purpose, "sha256")
