"""E-mail: its kinds, the canonical form of addresses, and the links that prove ownership of a mailbox."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from email.headerregistry import Address
from typing import TYPE_CHECKING, Literal

from app.core.errors import ValidationFailed
from app.core.text import typed

if TYPE_CHECKING:
    from email_validator import ValidatedEmail

MailKind = Literal[
    "confirm_address",
    "your_turn",
    "held",
    "confirmed",
    "cancelled",
    "refunded",
    "reminder",
    "message",
    "reset_password",
    "alert",
    "tickets_link",
    "transfer_offer",
    "ticket",
    "transferred",
    "test",
    "invite",
    "moved",
    "room_invite",
    "fan_code",
]
MailState = Literal[
    "unconfirmed", "waiting", "handing_over", "sent", "kept", "dropped", "given_up", "unclear"
]
CLAIM_LINK_S = 30 * 86_400
GMAIL = ("gmail.com", "googlemail.com")  # one and the same


def mailbox(email: str, field: str = "email") -> str:
    """The address as stored, without surrounding spaces. Raises ValidationFailed if it is undeliverable."""
    try:
        return _checked(email).normalized
    except ValueError as error:
        raise ValidationFailed(field, f"is not a deliverable e-mail address: {error}") from None


def normalised(email: str) -> str:
    """The canonical form of an address: `Ann@Example.org` and `ann@example.org` are one mailbox."""
    try:
        return _checked(email).normalized.lower()
    except ValueError:  # a search for an address stored before addresses were checked
        return typed.words(email).lower()


def mailbox_of(email: str) -> str:
    """Reduce all addresses known to reach one mailbox to the same text.

    `ann+7@example.org` reaches the mailbox of `ann@`, and Gmail ignores dots in a name
    (https://support.google.com/mail/answer/7436150).
    """
    local, _, domain = normalised(email).rpartition("@")
    local = local.partition("+")[0] or local
    if domain in GMAIL:
        local, domain = local.replace(".", ""), GMAIL[0]
    return f"{local}@{domain}"


def address(email: str) -> Address:
    """The address in the form mail servers accept. Raises ValueError if it is undeliverable.

    An international domain becomes xn--, so that only a non-ASCII local part needs a server with SMTPUTF8.
    """
    parsed = _checked(email)
    return Address(username=parsed.local_part, domain=parsed.ascii_domain)


def _checked(email: str) -> ValidatedEmail:
    """Check the syntax only, without look-ups. `.test` is accepted, a name without a dot is not.

    Raises EmailNotValidError, a ValueError.
    """
    from email_validator import validate_email  # slow to import; most processes never see an address

    return validate_email(email.strip(), check_deliverability=False, test_environment=True)


class Traces:
    """Hashes addresses to count the e-mails sent to them; keyed, so that they cannot be looked up."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"fairgate trace of an address", "sha256")

    def recipient(self, email: str) -> bytes:
        """Hash a mailbox, however its address is spelled."""
        return self._hash(mailbox_of(email))

    def client(self, network: str) -> bytes:
        """Hash a request's client network."""
        return self._hash(network)

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=16).digest()


class ClaimSigner:
    """Signs the links by which a mailbox's account takes over a guest's reservation."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 8:
            raise ValueError("the secret that signs links is too short")
        self._key = hmac.digest(secret, b"fairgate claim of a reservation", "sha256")

    def sign(self, reservation_id: str, email: str, exp: int) -> str:
        """Sign a link for this reservation and mailbox, valid until `exp` (s)."""
        text = f"{reservation_id} {exp} {normalised(email)}".encode()
        return urlsafe_b64encode(hmac.digest(self._key, text, "sha256")).rstrip(b"=").decode()

    def is_good(self, signature: str, reservation_id: str, email: str, exp: int) -> bool:
        """Whether the signature is valid; the caller checks the expiry."""
        return hmac.compare_digest(self.sign(reservation_id, email, exp).encode(), signature.encode())
