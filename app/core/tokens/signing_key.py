"""Signing keys, and how each algorithm signs and verifies. No I/O.

EdDSA is the cheapest and the default. ES256 and RS256 are for sites whose verifiers lack it: a room chooses,
and then both kinds of token that others verify have a key of that algorithm, too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.utils import der_to_raw_signature

from app.core.base64url import to_base64url
from app.core.model import SigningAlgorithm

Purpose = Literal["booking", "access", "pass", "log", "any"]
PURPOSES: tuple[Purpose, ...] = ("booking", "access", "pass", "log")  # each with its own key
OF_ROOMS: tuple[Purpose, ...] = ("booking", "pass")  # tokens whose algorithm a room chooses
ALGORITHMS: tuple[SigningAlgorithm, ...] = get_args(SigningAlgorithm)
RSA_BITS = 2048
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_PUBLIC_FIELDS = ("kty", "crv", "x", "y", "n", "e")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signing key; `kid` names it in token headers and in the JWKS. The purpose `any` predates separate
    keys for each purpose."""

    kid: str
    private: PrivateKey
    purpose: Purpose = "any"
    algorithm: SigningAlgorithm = "EdDSA"

    @classmethod
    def new(cls, purpose: Purpose = "any", algorithm: SigningAlgorithm = "EdDSA") -> SigningKey:
        """Generate a key. Its `kid` is the start of the public key's digest. RSA takes a tenth of a
        second."""
        private = _new_private_key(algorithm)
        digest = hashlib.sha256(_public_bytes(private)).digest()[:12]
        # A `kid` that started with a dash would be an option to a shell command.
        kid = to_base64url(digest).replace("-", "_")
        return cls(kid, private, purpose, algorithm)

    @classmethod
    def from_pem(
        cls, kid: str, pem: str, purpose: Purpose = "any", algorithm: SigningAlgorithm = "EdDSA"
    ) -> SigningKey:
        """Load the key stored as `pem`."""
        private = load_pem_private_key(pem.encode(), password=None)
        assert isinstance(private, PrivateKey)
        return cls(kid, private, purpose, algorithm)

    def is_for(self, purpose: Purpose) -> bool:
        """Whether it may sign tokens of this purpose."""
        return self.purpose in (purpose, "any")

    @property
    def private_ed25519(self) -> Ed25519PrivateKey:
        """The private key of an EdDSA key, whose signatures are always the same for the same text."""
        assert isinstance(self.private, Ed25519PrivateKey)
        return self.private

    @property
    def verifier(self) -> Any:
        """The key that `CODEC` verifies with: see `_Ed25519`."""
        return self.private if self.algorithm == "EdDSA" else self.private.public_key()

    def head(self, token_type: str) -> str:
        """The encoded header of a JWT of this type signed with this key."""
        return to_base64url(msgspec.json.encode({"alg": self.algorithm, "kid": self.kid, "typ": token_type}))

    def signed(self, head: str, payload: bytes) -> str:
        """Sign a JWT with this header and this payload (JSON), as `CODEC` would, but without decoding it."""
        text = f"{head}.{to_base64url(payload)}"
        algorithm = CODEC._jws.get_algorithm_by_name(self.algorithm)
        return f"{text}.{to_base64url(algorithm.sign(text.encode(), self.private))}"

    def pem(self) -> str:
        """The private key in PKCS 8, for storage."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def jwk(self) -> dict[str, str]:
        """The public key as a JWK (RFC 7518, 8037)."""
        public: Any = self.private.public_key()
        document = _JWK[self.algorithm].to_jwk(public, as_dict=True)
        fields = {name: document[name] for name in _PUBLIC_FIELDS if name in document}
        return {**fields, "use": "sig", "alg": self.algorithm, "kid": self.kid}


def newest_keys(keys: Sequence[SigningKey]) -> dict[tuple[Purpose, SigningAlgorithm], SigningKey]:
    """The current signing key by purpose and algorithm, the first of several; there is always one for
    EdDSA."""
    if not keys:
        raise ValueError("there must be a signing key")
    newest: dict[tuple[Purpose, SigningAlgorithm], SigningKey] = {}
    for purpose in PURPOSES:
        newest[purpose, "EdDSA"] = keys[0]
        for key in reversed(keys):
            if key.is_for(purpose):
                newest[purpose, key.algorithm] = key
    return newest


class _Ed25519(OKPAlgorithm):
    """Verifies our own signatures by signing again: Ed25519 is deterministic (RFC 8032, section 5.1.6),
    and this takes a quarter of the time that verification with the public key does."""

    def verify(self, msg: str | bytes, key: Any, sig: str | bytes) -> bool:
        """Whether `sig` is what the private `key` signs `msg` with."""
        assert isinstance(msg, bytes)
        assert isinstance(sig, bytes)
        return hmac.compare_digest(key.sign(msg), sig)


class _Es256(ECAlgorithm):
    """Signs deterministically (RFC 6979), so that claiming a turn again yields the very same token."""

    def sign(self, msg: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
        """The signature in JOSE form: r and s concatenated."""
        return der_to_raw_signature(key.sign(msg, ec.ECDSA(SHA256(), deterministic_signing=True)), key.curve)


def _codec() -> jwt.PyJWT:
    codec = jwt.PyJWT()
    for name, algorithm in (("EdDSA", _Ed25519()), ("ES256", _Es256(ECAlgorithm.SHA256, ec.SECP256R1))):
        codec._jws.unregister_algorithm(name)
        codec._jws.register_algorithm(name, algorithm)
    return codec


CODEC = _codec()  # reads and writes JWTs with our own keys
_JWK: dict[SigningAlgorithm, Any] = {"EdDSA": OKPAlgorithm, "ES256": ECAlgorithm, "RS256": RSAAlgorithm}


def _new_private_key(algorithm: SigningAlgorithm) -> PrivateKey:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else Ed25519PrivateKey.generate()


def _public_bytes(private: PrivateKey) -> bytes:
    public = private.public_key()
    if isinstance(private, Ed25519PrivateKey):
        return public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
