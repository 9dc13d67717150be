"""The addresses of the stores, and our own."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_data_path
from pydantic import AliasChoices, BaseModel, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from app.core.text.setting_values import address_of, long_enough


def _store_url(name: str) -> Any:
    """A store address: `FAIRGATE_NAME`, or `NAME` alone as most platforms set it."""
    return Field(default="", validation_alias=AliasChoices(f"FAIRGATE_{name}", name))


class Addresses(BaseModel):
    """The addresses of the stores, and our own."""

    redis_url: str = _store_url("REDIS_URL")
    """Redis 7+ or Valkey 8+: a single server, a Cluster, or behind Sentinel
    (`redis+sentinel://host,host/name`); `rediss://` for TLS. Empty: embedded."""
    queue_redis_url: str = _store_url("QUEUE_REDIS_URL")
    """Where arq keeps its jobs; the same forms, but not a Cluster. Empty: the same as `REDIS_URL`."""
    database_url: str = _store_url("DATABASE_URL")
    """PostgreSQL 15+, as libpq takes it (`?sslmode=verify-full`, several hosts, Unix sockets); PgBouncer in
    transaction mode works. Empty: embedded."""
    data: Path = Field(default_factory=lambda: user_data_path("fairgate"))
    """Folder for the embedded stores, their passwords and our secret (mode 0600). Default: a per-user data
    folder."""
    public_url: str = ""
    """The address visitors use. Empty: taken from each request."""
    security_contact: str = ""
    """Where to report a vulnerability, `mailto:` or `https://`, for `/.well-known/security.txt`. Empty: no
    such file."""
    secret: SecretStr = SecretStr("")
    """Signs place tokens and links; the same for all processes. `fairgate up` creates one and keeps it in the
    data folder."""
    cors_origins: Annotated[list[str], NoDecode] = []
    """Origins whose pages may call the API from a browser, comma-separated. With `*` all may, but never with
    a visitor's cookie."""
    trusted_proxies: Annotated[list[str], NoDecode] = []
    """Networks whose `X-Forwarded-*` headers are trusted, comma-separated."""
    dns_servers: Annotated[list[str], NoDecode] = []
    """Name servers for verifying crawlers (a room's `verified_crawlers`): `IP` or `IP:PORT`,
    comma-separated. Empty: those of the system."""

    @field_validator("cors_origins", "trusted_proxies", "dns_servers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("redis_url", "queue_redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if value:
            schemes = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
            form = "redis://[[user]:password@]host[:port][/database], or rediss:// for TLS"
            address_of(value, schemes, form)
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: str) -> str:
        if value:
            form = "postgresql://[user[:password]@][host][:port][/database]"
            address_of(value, ("postgresql", "postgres"), form)
        return value

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        if value:
            form = (
                "http://host[:port] or https://host[:port] without a path, as pages are served from the root"
            )
            url = address_of(value, ("http", "https"), form)
            if not url.hostname or url.path not in ("", "/") or set("?#@") & set(value):
                raise ValueError(f"must be {form}")
        return value

    @field_validator("security_contact")
    @classmethod
    def _contact(cls, value: str) -> str:
        if value and not (value.startswith(("mailto:", "https://")) and value.isprintable()):
            raise ValueError("must be mailto:security@example.org, or an https:// address")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        form = "`*`, or origins as browsers send them, such as https://shop.example without a trailing slash"
        for part in value:
            if part != "*" and (address_of(part, ("http", "https"), form).path or set("?#@") & set(part)):
                raise ValueError(f"must be {form}")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for part in value:
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError:
                raise ValueError(f"{part} is not a network such as 10.0.0.0/8") from None
        return value

    @field_validator("dns_servers")
    @classmethod
    def _name_servers(cls, value: list[str]) -> list[str]:
        for part in value:
            url = address_of(f"dns://{part}", ("dns",), "IP or IP:PORT, an IPv6 address in brackets")
            ipaddress.ip_address(part if url.path else url.hostname or "")
        return value

    @field_validator("secret")
    @classmethod
    def _long_secret(cls, value: SecretStr) -> SecretStr:
        return long_enough(value)
