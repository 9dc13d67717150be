"""An authenticator in software: creates a passkey, and answers challenges as a browser would send them."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, NEW_KEY = 0x01, 0x04, 0x40  # flags of the authenticator data
ORIGIN = "https://tickets.example.org"


@dataclass
class Authenticator:
    """A phone with one passkey; `uses` is its counter."""

    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    uses: int = 0

    def create(self, challenge: str, *, origin: str = ORIGIN, flags: int = PRESENT | VERIFIED) -> str:
        """The response that creates the passkey, without an attestation."""
        length = len(self.credential_id).to_bytes(2, "big")
        new = bytes(16) + length + self.credential_id + self._public_key()
        return self.attested({"fmt": "none", "attStmt": {}}, challenge, origin, flags | NEW_KEY, new)

    def attested(
        self, attestation: dict[str, Any], challenge: str, origin: str, flags: int, new: bytes
    ) -> str:
        """The response with this attestation and this part of the authenticator data."""
        from webauthn.helpers import encode_cbor

        data = attestation | {"authData": self._data(origin, flags) + new}
        response = {
            "clientDataJSON": _client_data("webauthn.create", challenge, origin),
            "attestationObject": bytes(encode_cbor(data)),
        }
        return self._sent(response)

    def answer(
        self,
        challenge: str,
        *,
        origin: str = ORIGIN,
        flags: int = PRESENT | VERIFIED,
        kind: str = "webauthn.get",
    ) -> str:
        """The response to a challenge, which counts as a use."""
        self.uses += 1
        client, data = _client_data(kind, challenge, origin), self._data(origin, flags)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._sent({"clientDataJSON": client, "authenticatorData": data, "signature": signature})

    def _data(self, origin: str, flags: int) -> bytes:
        host = (urlsplit(origin).hostname or "").encode()
        return hashlib.sha256(host).digest() + bytes([flags]) + self.uses.to_bytes(4, "big")

    def _public_key(self) -> bytes:
        """The key as COSE has it: an elliptic curve key (2) for ES256 (-7) on P-256 (1)."""
        from webauthn.helpers import encode_cbor

        point = self.key.public_key().public_numbers()
        at = {-2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        return bytes(encode_cbor({1: 2, 3: -7, -1: 1, **at}))

    def _sent(self, response: dict[str, bytes]) -> str:
        name = _text(self.credential_id)
        parts = {it: _text(value) for it, value in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": parts})


def _client_data(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin}).encode()


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
