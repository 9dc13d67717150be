"""Accounts of fans: the code of a mail, and the challenge that a passkey answers. No I/O.

Both follow from FAIRGATE_SECRET, so nothing is stored for the many who only look at a page.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from app.core.base64url import to_base64url

CHALLENGE_S = 300
CHALLENGE_TOKEN_MAX = 400
DIGITS = 6


class Challenge(NamedTuple):
    """What a passkey is to answer: `new` for making one, of which fan; `sign_in` for using any."""

    purpose: str
    challenge: str
    fan_id: str


class FanSigner:
    """Derives codes, and signs challenges that a browser keeps until it answers them."""

    def __init__(self, secret: bytes) -> None:
        self._code_key = hmac.digest(secret, b"fairgate code of a fan", "sha256")
        self._challenge_key = hmac.digest(secret, b"fairgate challenge of a fan", "sha256")

    def code(self, code_id: str) -> str:
        """The digits of a mail."""
        mac = hmac.digest(self._code_key, code_id.encode(), "sha256")
        return f"{int.from_bytes(mac, 'big') % 10**DIGITS:0{DIGITS}}"

    def is_code(self, code_id: str, digits: str) -> bool:
        """Whether these are the digits of that mail."""
        return hmac.compare_digest(self.code(code_id).encode(), digits.encode())

    def challenge(self, it: Challenge, now_s: int) -> str:
        """What the browser keeps meanwhile."""
        text = f"{it.purpose}.{it.challenge}.{it.fan_id}.{now_s + CHALLENGE_S}"
        return f"{text}.{self._mac(text)}"

    def read_challenge(self, token: str, purpose: str, now_s: int) -> Challenge | None:
        """The challenge that a browser kept; None: it is none of ours for this, or too old."""
        text, _, mac = token.rpartition(".")
        if len(token) > CHALLENGE_TOKEN_MAX or not hmac.compare_digest(
            self._mac(text).encode(), mac.encode()
        ):
            return None
        said, challenge, fan_id, exp = text.split(".")
        return Challenge(said, challenge, fan_id) if said == purpose and int(exp) > now_s else None

    def _mac(self, text: str) -> str:
        return to_base64url(hmac.digest(self._challenge_key, text.encode(), "sha256"))
