"""Known devices: a cookie proves an earlier sign-in, so that guesses made elsewhere do not lock its owner
out.

No I/O; the time is an argument. Nothing is stored: the cookie is signed, and valid until the account's
password is changed.
"""

from __future__ import annotations

import hashlib
import hmac
import os

import msgspec

from app.core.base64url import from_base64url, to_base64url

DEVICE_S = 365 * 86_400
LENGTH_MAX = 300
_PREFIX = "d1"


class Device(msgspec.Struct, frozen=True, array_like=True):
    """The content of a device cookie."""

    device_id: str
    account_id: str
    made_ms: int


class DeviceSigner:
    """Signs and reads device cookies."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"fairgate known device", "sha256")

    def sign(self, account_id: str, made_ms: int) -> str:
        """The cookie for a device on which this account has just signed in."""
        payload = to_base64url(msgspec.json.encode(Device(to_base64url(os.urandom(12)), account_id, made_ms)))
        return f"{_PREFIX}.{payload}.{self._mac(payload)}"

    def read(self, text: str, now_ms: int) -> Device | None:
        """Read a cookie; None unless it is one of ours and not too old."""
        prefix, _, rest = text.partition(".")
        payload, _, mac = rest.partition(".")
        if prefix != _PREFIX or not text.isascii() or len(text) > LENGTH_MAX:
            return None
        if not hmac.compare_digest(self._mac(payload), mac):
            return None
        device = msgspec.json.decode(from_base64url(payload), type=Device)
        return device if now_ms - device.made_ms < DEVICE_S * 1000 else None

    def word(self, account_id: str) -> str:
        """A short identifier of an account for its cookie's name; it does not reveal the account."""
        return self._mac(account_id)[:8]

    def _mac(self, payload: str) -> str:
        return to_base64url(hashlib.blake2b(payload.encode(), key=self._key, digest_size=24).digest())
