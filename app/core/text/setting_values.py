"""Parsing of setting values: addresses with possible parts, and switches."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated
from urllib.parse import SplitResult

from pydantic import BeforeValidator, SecretStr

from app.core.store_urls import split_store_url

SECRET_MIN = 16  # bytes
SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


def address_of(text: str, schemes: tuple[str, ...], form: str) -> SplitResult:
    """Parse `text` as an address of one of these schemes with possible hosts and ports. Raises ValueError.

    The message only describes the expected form, because the address may contain a password.
    """
    try:
        url = split_store_url(text)
    except ValueError:
        raise ValueError(f"must be {form}") from None
    ports = [host.rpartition("]")[2].partition(":") for host in url.netloc.rpartition("@")[2].split(",")]
    good = all(not colon or (port.isdecimal() and 0 < int(port) < 65_536) for _, colon, port in ports)
    if url.scheme not in schemes or not good or any(it.isspace() for it in url.netloc):
        raise ValueError(f"must be {form}")
    return url


def _switch(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lower() not in SWITCH:
        raise ValueError("must be on or off")
    return SWITCH[value.lower()]


Switch = Annotated[bool, BeforeValidator(_switch)]


def check_webhook_secret(text: str) -> None:
    """Raise ValueError unless this is a Standard Webhooks secret."""
    prefix, _, key = text.partition("_")
    try:
        good = prefix == "whsec" and len(b64decode(key, validate=True)) >= 24
    except ValueError:
        good = False
    if not good:
        raise ValueError("must be `whsec_` and 24 bytes or more in base64")


def long_enough(value: SecretStr) -> SecretStr:
    """Check that a secret is "" or too long to guess. Raises ValueError."""
    if 0 < len(value.get_secret_value().encode()) < SECRET_MIN:
        raise ValueError(f"must be {SECRET_MIN} characters or more; `openssl rand -hex 32` generates one")
    return value
