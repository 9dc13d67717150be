"""Links to choose a new password: derived from an id and FAIRGATE_SECRET, stored as a digest."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode

RESET_S = 30 * 60


class ResetSigner:
    """Derives a link's token from its stored id, which does not reveal the token."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"fairgate password reset", "sha256")

    def token(self, reset_id: str) -> str:
        """The token in the link."""
        mac = hmac.digest(self._key, reset_id.encode(), "sha256")
        return urlsafe_b64encode(mac).rstrip(b"=").decode()


def digest(token: str) -> bytes:
    """The stored form of a token: 256 bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest()
