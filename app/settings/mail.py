"""Sending e-mails."""

from __future__ import annotations

from email.utils import parseaddr

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from app.core.notifications.email import address
from app.core.text.setting_values import address_of


class Mail(BaseModel):
    """Sending e-mails."""

    smtp_url: SecretStr = SecretStr("")
    """`smtp://user:password@host:587` or `smtps://...`; a password is sent over TLS only. Empty: e-mails are
    written but not sent, and stay in the console."""
    mail_from: str = Field(default="", validate_default=True)
    """The sender of e-mails, e.g. `Tickets <tickets@example.org>`; required with `FAIRGATE_SMTP_URL`."""

    @field_validator("smtp_url")
    @classmethod
    def _server(cls, value: SecretStr) -> SecretStr:
        form = "smtp://user:password@host:port or smtps://..., special characters in it as %2F"
        text = value.get_secret_value()
        if text and not address_of(text, ("smtp", "smtps"), form).hostname:
            raise ValueError(f"must be {form}")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str, info: ValidationInfo) -> str:
        if value:
            try:
                address(parseaddr(value)[1])
            except ValueError:
                raise ValueError("must be an address such as `Tickets <tickets@example.org>`") from None
        if not value and info.data.get("smtp_url", SecretStr("")).get_secret_value():
            raise ValueError("is required with FAIRGATE_SMTP_URL")
        return value
