"""The certificate that signs wallet passes: what is wrong with it is said before a pass is signed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.core.reservations.wallet import read_signer
from tests.support.pass_certificates import PASSWORD, TEAM, TYPE, certificate, pass_certificates


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """A key as a file without a password."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_certificate_that_cannot_sign_passes_is_refused(tmp_path: Path) -> None:
    pass_certificates(tmp_path)
    own, key, others = ((tmp_path / name).read_bytes() for name in ("pass.pem", "pass.key", "wwdr.pem"))
    signer = read_signer(own, key, PASSWORD, others)
    assert (signer.pass_type, signer.team, signer.organization) == (TYPE, TEAM, "Old Hall")
    server_key, server = certificate("shop.example", None, None)
    another = pem(ec.generate_private_key(ec.SECP256R1()))
    for files, why in (
        ((b"", key, PASSWORD, others), "not a PEM certificate"),
        ((own, key, PASSWORD, b"x"), "not a PEM certificate"),
        ((own, key, "", others), "password is wrong"),
        ((own, key, "another", others), "password is wrong"),
        ((own, pem(ed25519.Ed25519PrivateKey.generate()), "", others), "neither RSA nor EC"),
        ((own, another, "", others), "does not match its key"),
        ((server.public_bytes(Encoding.PEM), pem(server_key), "", others), "not for a Pass Type ID"),
    ):
        with pytest.raises(ValueError, match=why):
            read_signer(*files)
