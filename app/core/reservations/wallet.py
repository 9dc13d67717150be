"""Wallet passes in Apple's format: a ZIP of the content, a manifest of digests, and a signature.

The certificate is for a Pass Type ID: its subject names the passes it may sign, and the team.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

PASS, PASSES = "application/vnd.apple.pkpass", "application/vnd.apple.pkpasses"


class PassSigner(NamedTuple):
    """The certificate and key that sign passes, and the ids in them."""

    certificate: Certificate
    key: RSAPrivateKey | EllipticCurvePrivateKey
    intermediates: Sequence[Certificate]
    pass_type: str
    team: str
    organization: str


def read_signer(certificate: bytes, key: bytes, password: str, intermediates: bytes) -> PassSigner:
    """Load the signer from PEM files. Raises ValueError saying what is wrong."""
    from cryptography import x509  # here: few installations have a certificate
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509.oid import NameOID

    try:
        own = x509.load_pem_x509_certificate(certificate)
        others = x509.load_pem_x509_certificates(intermediates)
    except ValueError:
        raise ValueError("is not a PEM certificate") from None
    try:
        private = load_pem_private_key(key, password.encode() or None)
    except (ValueError, TypeError):
        raise ValueError("has a key that is not PEM, or the password is wrong") from None
    if not isinstance(private, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise ValueError("has a key that is neither RSA nor EC")
    if private.public_key() != own.public_key():
        raise ValueError("does not match its key")
    subject = [
        next((str(it.value) for it in own.subject.get_attributes_for_oid(name)), "")
        for name in (NameOID.USER_ID, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME)
    ]
    if not subject[0] or not subject[1]:
        raise ValueError("is not for a Pass Type ID: its subject has no UID or no OU")
    return PassSigner(own, private, others, subject[0], subject[1], subject[2] or "Tickets")


def pass_file(signer: PassSigner, content: Mapping[str, Any], pictures: Mapping[str, bytes]) -> bytes:
    """Build a pass with this content."""
    identity = {
        "formatVersion": 1,
        "passTypeIdentifier": signer.pass_type,
        "teamIdentifier": signer.team,
        "organizationName": signer.organization,
    }
    files = {"pass.json": json.dumps({**identity, **content}, ensure_ascii=False).encode(), **pictures}
    # The format requires SHA-1 digests; the signature over them uses SHA-256.
    digests = {name: hashlib.sha1(it, usedforsecurity=False).hexdigest() for name, it in files.items()}
    manifest = json.dumps(digests).encode()
    return zipped({**files, "manifest.json": manifest, "signature": _signature(signer, manifest)})


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Zip files: one pass, or several in one file."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def _signature(signer: PassSigner, manifest: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

    builder = PKCS7SignatureBuilder().set_data(manifest)
    builder = builder.add_signer(signer.certificate, signer.key, SHA256())
    for it in signer.intermediates:
        builder = builder.add_certificate(it)
    return builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])
