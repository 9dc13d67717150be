"""Certificates as Apple issues them for passes: a root, an intermediate, and one for a Pass Type ID."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import NameOID

TYPE, TEAM, PASSWORD = "pass.org.example.tickets", "ABCDE12345", "of the key"


def pass_certificates(folder: Path) -> dict[str, str]:
    """The settings for these certificates; `root.pem` is written next to them."""
    root_key, root = certificate("Root", None, None)
    middle_key, middle = certificate("Intermediate", root_key, root)
    key, ours = certificate("Passes", middle_key, middle, leaf=True)
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "wwdr.pem").write_bytes(middle.public_bytes(Encoding.PEM))
    (folder / "pass.pem").write_bytes(ours.public_bytes(Encoding.PEM))
    locked = BestAvailableEncryption(PASSWORD.encode())
    (folder / "pass.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    return {
        "wallet_key": str(folder / "pass.key"),
        "wallet_key_password": PASSWORD,
        "wallet_intermediates": str(folder / "wwdr.pem"),
        "wallet_certificate": str(folder / "pass.pem"),
    }


def certificate(
    name: str, by: ec.EllipticCurvePrivateKey | None, issuer: x509.Certificate | None, *, leaf: bool = False
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A certificate and its key. `leaf`: for a Pass Type ID, and not to issue others."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if leaf:
        attributes += [x509.NameAttribute(NameOID.USER_ID, TYPE)]
        attributes += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, TEAM)]
        attributes += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Old Hall")]
    subject = x509.Name(attributes)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=not leaf, path_length=None), critical=True)
    )
    return key, made.sign(by or key, SHA256())
