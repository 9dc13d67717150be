"""Second factors: codes of an app by the clock (RFC 6238), and recovery codes for when the app is lost."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken

STEP_S = 30
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read for another


class FactorKeys:
    """What FAIRGATE_SECRET is for here: secrets of apps are encrypted with it, recovery codes are keyed
    hashes."""

    def __init__(self, secret: bytes) -> None:
        self._fernet = Fernet(urlsafe_b64encode(hmac.digest(secret, b"fairgate second factor", "sha256")))
        self._key = hmac.digest(secret, b"fairgate recovery codes", "sha256")

    def closed(self, secret: str) -> bytes:
        """The secret of an app as it is kept."""
        return self._fernet.encrypt(secret.encode())

    def opened(self, kept: bytes) -> str | None:
        """The secret again; None where it was kept under another FAIRGATE_SECRET."""
        try:
            return self._fernet.decrypt(kept).decode()
        except InvalidToken:
            return None

    def recovery_hash(self, code: str) -> bytes:
        """What is kept of a recovery code."""
        return hmac.digest(self._key, plain_code(code).encode(), "sha256")


def new_recovery_codes() -> list[str]:
    """Fresh ones, as they are written down: 49 bits each."""
    letters = ["".join(secrets.choice(_ALPHABET) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    return [f"{it[:5]}-{it[5:]}" for it in letters]


def plain_code(typed: str) -> str:
    """A code as it was typed, without what people put between; digits of other scripts are those they are."""
    return "".join(str(int(it)) if it.isdecimal() else it for it in typed.lower() if it.isalnum())


def step_of(secret: str, code: str, now_s: float) -> int | None:
    """The step of the clock whose code this is; None: no code of now, of just before or of just after."""
    import pyotp  # here: few processes ask for a code

    totp, now = pyotp.TOTP(secret), int(now_s) // STEP_S
    found = None
    for step in (now - 1, now, now + 1):  # all are compared, so that the time taken says nothing
        if hmac.compare_digest(str(totp.at(step * STEP_S)), code):
            found = step
    return found


def app_link(secret: str, email: str, issuer: str) -> str:
    """What the picture says that an app reads."""
    import pyotp

    link: str = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)
    return link


def new_secret() -> str:
    """A fresh secret for an app: 160 bits in base32."""
    import pyotp

    secret: str = pyotp.random_base32()
    return secret
