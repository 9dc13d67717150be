"""The captcha provider, for rooms that ask newcomers for a captcha."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from app.core.text.setting_values import address_of

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class CaptchaKeys(BaseModel):
    """The captcha provider, for rooms that ask newcomers for a captcha."""

    captcha: Literal["", "turnstile", "hcaptcha", "recaptcha"] = ""
    """Cloudflare Turnstile, hCaptcha or Google reCAPTCHA (version 2): rooms with `captcha` ask newcomers for
    it. Empty: none do."""
    captcha_site_key: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,200}$", validate_default=True)
    """The public key from the provider; required with `FAIRGATE_CAPTCHA`."""
    captcha_secret: SecretStr = Field(default=SecretStr(""), validate_default=True)
    """The secret that goes with it."""
    captcha_url: str = ""
    """Where responses are verified, if not at the provider's own address: `https://`, or `http://` on this
    machine."""

    @field_validator("captcha_site_key", "captcha_secret")
    @classmethod
    def _both_keys(cls, value: str | SecretStr, info: ValidationInfo) -> str | SecretStr:
        text = value if isinstance(value, str) else value.get_secret_value()
        if not text and info.data.get("captcha"):
            raise ValueError("is required with FAIRGATE_CAPTCHA")
        return value

    @field_validator("captcha_url")
    @classmethod
    def _private(cls, value: str) -> str:
        if value:
            form = "https://host[:port]/path, or http:// on this machine"
            url = address_of(value, ("http", "https"), form)
            if not url.hostname or (url.scheme == "http" and url.hostname not in LOOPBACK):
                raise ValueError(f"must be {form}")
        return value
