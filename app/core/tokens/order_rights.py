"""Access to orders that a browser did not create itself: links in e-mails, and the cookie they set.

No I/O; the time is an argument. A link in an e-mail is valid for one reservation, until the time it names; it
shows the tickets and lets them be paid. Irreversible actions (cancelling, giving a ticket away) require the
browser that reserved, or a fresh link requested at the buyer's address.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Literal

import msgspec

from app.core.base64url import from_base64url, to_base64url
from app.core.errors import CredentialInvalid
from app.core.model import ReservationId

Right = Literal[1, 2]
SEES: Right = 1  # and may pay
OWNS: Right = 2
RIGHTS_S = 180 * 86_400  # of a cookie
LINK_S = 15 * 60  # of a requested link
ORDERS_MAX = 40  # per cookie
LENGTH_MAX = 3_500
_LINK, _TICKET, _COOKIE = "o1", "k1", "r1"


class Link(msgspec.Struct, frozen=True, array_like=True):
    """The content of a link in an e-mail."""

    about: str  # a reservation, or a ticket and its transfer
    exp: int


class OrderSigner:
    """Signs and reads links in e-mails and the orders cookie of a browser."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"fairgate rights to orders", "sha256")
        self._asked = hmac.digest(secret, b"fairgate link to tickets", "sha256")

    def link(self, reservation_id: str, exp: int) -> str:
        """The key in a link to a reservation, valid until `exp` (s)."""
        return self._signed(_LINK, msgspec.json.encode(Link(reservation_id, exp)))

    def read_link(self, text: str, now_s: int) -> ReservationId:
        """The reservation of a link. Raises CredentialInvalid."""
        return ReservationId(self._read_link(_LINK, text, now_s))

    def ticket_link(self, transfer_id: str, exp: int) -> str:
        """The key in a link to a transferred ticket, for its new holder."""
        return self._signed(_TICKET, msgspec.json.encode(Link(transfer_id, exp)))

    def read_ticket_link(self, text: str, now_s: int) -> str:
        """The transfer that made somebody a ticket's holder. Raises CredentialInvalid."""
        return self._read_link(_TICKET, text, now_s)

    def cookie(self, rights: Mapping[str, Right]) -> str:
        """The cookie of a browser with these rights; if there are too many, only the newest, which come
        last."""
        return self._signed(_COOKIE, msgspec.json.encode(dict(list(rights.items())[-ORDERS_MAX:])))

    def read_cookie(self, text: str) -> dict[str, Right]:
        """The rights of a browser; none if the cookie is not one of ours."""
        try:
            payload = self._payload(_COOKIE, text)
        except CredentialInvalid:
            return {}
        return msgspec.json.decode(payload, type=dict[str, Right])

    def confirmation_token(self, link_id: str) -> str:
        """The token of a requested link: derived from its id, which does not reveal it."""
        mac = hmac.digest(self._asked, link_id.encode(), "sha256")
        return urlsafe_b64encode(mac).rstrip(b"=").decode()

    def _read_link(self, prefix: str, text: str, now_s: int) -> str:
        link = msgspec.json.decode(self._payload(prefix, text), type=Link)
        if link.exp <= now_s:
            raise CredentialInvalid("The link has expired.")
        return link.about

    def _signed(self, prefix: str, content: bytes) -> str:
        payload = to_base64url(content)
        return f"{prefix}.{payload}.{self._mac(prefix, payload)}"

    def _payload(self, prefix: str, text: str) -> bytes:
        sent, _, rest = text.partition(".")
        payload, _, mac = rest.partition(".")
        if sent != prefix or not text.isascii() or len(text) > LENGTH_MAX:
            raise CredentialInvalid("This link was not issued here.")
        if not hmac.compare_digest(self._mac(prefix, payload), mac):
            raise CredentialInvalid("This link was not issued here.")
        return from_base64url(payload)

    def _mac(self, prefix: str, payload: str) -> str:
        text = f"{prefix}.{payload}".encode()
        return to_base64url(hashlib.blake2b(text, key=self._key, digest_size=24).digest())
