"""Second factors: time-based codes of an app (RFC 6238), and recovery codes for when the app is lost."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken

STEP_S = 30
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without characters that are easily confused


class FactorKeys:
    """The keys that FAIRGATE_SECRET provides here: app secrets are encrypted with it, recovery codes
    stored as keyed hashes."""

    def __init__(self, secret: bytes) -> None:
        self._fernet = Fernet(urlsafe_b64encode(hmac.digest(secret, b"fairgate second factor", "sha256")))
        self._key = hmac.digest(secret, b"fairgate recovery codes", "sha256")

    def encrypt(self, secret: str) -> bytes:
        """Encrypt the secret of an app for storage."""
        return self._fernet.encrypt(secret.encode())

    def decrypt(self, encrypted: bytes) -> str | None:
        """Decrypt it; None if it was stored under another FAIRGATE_SECRET."""
        try:
            return self._fernet.decrypt(encrypted).decode()
        except InvalidToken:
            return None

    def recovery_hash(self, code: str) -> bytes:
        """The stored form of a recovery code."""
        return hmac.digest(self._key, plain_code(code).encode(), "sha256")


def new_recovery_codes() -> list[str]:
    """New recovery codes as shown to people: 49 bits each."""
    letters = ["".join(secrets.choice(_ALPHABET) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    return [f"{it[:5]}-{it[5:]}" for it in letters]


def plain_code(typed: str) -> str:
    """Normalise a typed code: drop separators, and turn digits of other scripts into 0 to 9."""
    return "".join(str(int(it)) if it.isdecimal() else it for it in typed.lower() if it.isalnum())


def step_of(secret: str, code: str, now_s: float) -> int | None:
    """The time step of a code; None unless it is the current, the previous or the next one's."""
    import pyotp  # here: few processes need it

    totp, now = pyotp.TOTP(secret), int(now_s) // STEP_S
    matching = None
    for step in (now - 1, now, now + 1):  # compare all, so that the time taken reveals nothing
        if hmac.compare_digest(str(totp.at(step * STEP_S)), code):
            matching = step
    return matching


def app_link(secret: str, email: str, issuer: str) -> str:
    """The address encoded in the QR code that an app scans."""
    import pyotp

    link: str = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)
    return link


def new_secret() -> str:
    """A fresh secret for an app: 160 bits in base32."""
    import pyotp

    secret: str = pyotp.random_base32()
    return secret
