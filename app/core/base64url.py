"""Base64url without padding, the encoding of bytes in all our tokens."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

_URLSAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")


def to_base64url(raw: bytes) -> str:
    """Encode without padding: one call where `base64` takes three, and each join encodes three times."""
    return b2a_base64(raw, newline=False).translate(_URLSAFE, b"=").decode()


def from_base64url(text: str) -> bytes:
    """Decode a text without padding. Raises ValueError."""
    return a2b_base64((text + "=" * (-len(text) % 4)).encode("ascii").translate(_STANDARD))


def base64url_length(size: int) -> int:
    """The number of characters that `size` bytes take, without padding."""
    return -(-size * 4 // 3)


def is_canonical(token: str) -> bool:
    """Whether each part is the canonical encoding of its bytes (decoders ignore spare bits)."""
    try:
        return all(to_base64url(from_base64url(part)) == part for part in token.split("."))
    except ValueError:
        return False
