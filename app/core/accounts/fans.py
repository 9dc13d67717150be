"""Fans' accounts: the code in an e-mail, and the challenge that a passkey answers. No I/O.

Both are derived from FAIRGATE_SECRET, so nothing is stored for the many visitors who only view a page.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from app.core.base64url import to_base64url

CHALLENGE_S = 300
CHALLENGE_TOKEN_MAX = 400
DIGITS = 6


class Challenge(NamedTuple):
    """A challenge for a passkey. `purpose`: `new` to create one for `fan_id`, `sign_in` to use any."""

    purpose: str
    challenge: str
    fan_id: str


class FanSigner:
    """Derives codes, and signs challenges, which the browser stores until it answers them."""

    def __init__(self, secret: bytes) -> None:
        self._code_key = hmac.digest(secret, b"fairgate code of a fan", "sha256")
        self._challenge_key = hmac.digest(secret, b"fairgate challenge of a fan", "sha256")

    def code(self, code_id: str) -> str:
        """The digits of the code with this id."""
        mac = hmac.digest(self._code_key, code_id.encode(), "sha256")
        return f"{int.from_bytes(mac, 'big') % 10**DIGITS:0{DIGITS}}"

    def is_code(self, code_id: str, digits: str) -> bool:
        """Whether these are the digits of the code with this id."""
        return hmac.compare_digest(self.code(code_id).encode(), digits.encode())

    def challenge(self, new: Challenge, now_s: int) -> str:
        """Sign a challenge as a token for the browser, valid for CHALLENGE_S."""
        text = f"{new.purpose}.{new.challenge}.{new.fan_id}.{now_s + CHALLENGE_S}"
        return f"{text}.{self._mac(text)}"

    def read_challenge(self, token: str, purpose: str, now_s: int) -> Challenge | None:
        """Verify a token of `challenge`; None if it was not issued here for this purpose, or is too old."""
        text, _, mac = token.rpartition(".")
        if len(token) > CHALLENGE_TOKEN_MAX or not hmac.compare_digest(
            self._mac(text).encode(), mac.encode()
        ):
            return None
        kind, challenge, fan_id, exp = text.split(".")
        return Challenge(kind, challenge, fan_id) if kind == purpose and int(exp) > now_s else None

    def _mac(self, text: str) -> str:
        return to_base64url(hmac.digest(self._challenge_key, text.encode(), "sha256"))
