"""Mail: its kinds, the one spelling of an address, and the links that prove that a mailbox is somebody's."""

from __future__ import annotations

import hmac
import unicodedata
from base64 import urlsafe_b64encode
from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Literal

MailKind = Literal["your_turn", "held", "confirmed", "cancelled", "refunded", "reminder"]
MailState = Literal["waiting", "handing_over", "sent", "kept", "dropped", "given_up", "unclear"]
CLAIM_LINK_S = 30 * 86_400


def normalised(email: str) -> str:
    """The one spelling of an e-mail: `Ann@Example.org` and `ann@example.org` are one mailbox."""
    return unicodedata.normalize("NFC", email).lower()


def address(email: str) -> Address:
    """The address in its parts. Raises ValueError when mail cannot be sent to it."""
    plain = email.encode("ascii", "replace").decode()
    try:
        Address(addr_spec=email if email.isascii() else plain.replace("?", "x"))  # knows no other letters
    except (HeaderParseError, IndexError) as error:
        raise ValueError(f"{error}") from None
    user, _, domain = email.rpartition("@")
    return Address(username=user, domain=domain)


class ClaimSigner:
    """Signs the links by which the account of a mailbox takes over what a guest reserved with it."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 8:
            raise ValueError("the secret that signs links is too short")
        self._key = hmac.digest(secret, b"fairgate claim of a reservation", "sha256")

    def sign(self, reservation_id: str, email: str, exp: int) -> str:
        """The signature for this reservation and mailbox, good until `exp` (s)."""
        text = f"{reservation_id} {exp} {normalised(email)}".encode()
        return urlsafe_b64encode(hmac.digest(self._key, text, "sha256")).rstrip(b"=").decode()

    def is_good(self, signature: str, reservation_id: str, email: str, exp: int) -> bool:
        """Whether it is that signature; the end is for the caller to look at."""
        return hmac.compare_digest(self.sign(reservation_id, email, exp).encode(), signature.encode())
