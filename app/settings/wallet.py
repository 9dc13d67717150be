"""Passes for wallet apps."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from app.core.reservations.wallet import PassSigner, read_signer


class Wallet(BaseModel):
    """Tickets as passes for wallet apps, if an Apple certificate is set."""

    wallet_key: str = ""
    """File with the private key of the certificate, in PEM."""
    wallet_key_password: SecretStr = SecretStr("")
    """The password of that file, if it has one."""
    wallet_intermediates: str = ""
    """File with Apple's WWDR certificate that yours was issued by, in PEM."""
    wallet_certificate: str = Field(default="", validate_default=True)
    """File with the certificate of your Pass Type ID, in PEM. Tickets can then be added to a wallet app.
    Empty: they cannot."""

    @field_validator("wallet_certificate")
    @classmethod
    def _whole(cls, value: str, info: ValidationInfo) -> str:
        key, others = info.data.get("wallet_key", ""), info.data.get("wallet_intermediates", "")
        if value and not (key and others):
            raise ValueError("needs FAIRGATE_WALLET_KEY and FAIRGATE_WALLET_INTERMEDIATES")
        if value:
            _read(value, key, info.data.get("wallet_key_password", SecretStr("")), others)
        return value

    def pass_signer(self) -> PassSigner | None:
        """Return the signer of passes, or None without a certificate.

        The files are read each time, so that a new certificate needs no restart. Raises ValueError.
        """
        if not self.wallet_certificate:
            return None
        files = self.wallet_certificate, self.wallet_key, self.wallet_key_password, self.wallet_intermediates
        return _read(*files)


def _read(certificate: str, key: str, password: SecretStr, intermediates: str) -> PassSigner:
    try:
        own, private, others = (Path(it).read_bytes() for it in (certificate, key, intermediates))
    except OSError as error:
        raise ValueError(f"or its key files cannot be read: {error.strerror}") from None
    return read_signer(own, private, password.get_secret_value(), others)
