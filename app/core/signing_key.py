"""The keys that sign booking tokens, access tokens and passes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from app.core.base64url import to_base64url

Purpose = Literal["booking", "access", "pass", "any"]
PURPOSES: tuple[Purpose, ...] = ("booking", "access", "pass")  # each has a key of its own


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One Ed25519 key; `kid` names it in token headers and in the JWKS. One for `any` purpose is from before
    there were keys for each."""

    kid: str
    private: Ed25519PrivateKey
    purpose: Purpose = "any"

    @classmethod
    def new(cls, purpose: Purpose = "any") -> SigningKey:
        """A fresh key. Its `kid` is the start of the public key's digest."""
        private = Ed25519PrivateKey.generate()
        return cls(to_base64url(hashlib.sha256(_public_bytes(private)).digest()[:12]), private, purpose)

    @classmethod
    def from_pem(cls, kid: str, pem: str, purpose: Purpose = "any") -> SigningKey:
        """The key kept as `pem`."""
        private = load_pem_private_key(pem.encode(), password=None)
        assert isinstance(private, Ed25519PrivateKey)
        return cls(kid, private, purpose)

    def is_for(self, purpose: Purpose) -> bool:
        """Whether tokens of this purpose may be signed with it."""
        return self.purpose in (purpose, "any")

    def pem(self) -> str:
        """The private key as PKCS 8, to be kept."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def jwk(self) -> dict[str, str]:
        """The public key as RFC 8037 JWK."""
        x = to_base64url(_public_bytes(self.private))
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x}


def _public_bytes(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
