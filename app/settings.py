"""Settings: every one with its default and what it means. A bad value is refused by name."""

from __future__ import annotations

import ipaddress
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from app.core.email import address
from app.core.setting_values import Switch, address_of, check_webhook_secret
from app.settings_sources import OneFile, SecretFiles

SECRET_MIN = 16  # bytes
SIMULATED = "simulated"  # the gateway that takes no money


def _store_url(name: str) -> Any:
    """A store address: `FAIRGATE_NAME`, or `NAME` alone as most platforms set it."""
    return Field(default="", validation_alias=AliasChoices(f"FAIRGATE_{name}", name))


class Settings(BaseSettings):
    """Everything that can be set from outside. Empty store addresses mean: embedded."""

    model_config = SettingsConfigDict(
        env_prefix="FAIRGATE_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # there are passwords in it
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, files of secrets, one file of settings; the first that has one wins."""
        return init_settings, env_settings, SecretFiles(settings_cls), OneFile(settings_cls)

    RELOADED: ClassVar[frozenset[str]] = frozenset(
        "audit_keep_days backlog_max body_timeout_s cors_origins join_burst_per_address "
        "join_rate_per_address log_level ops_token place_burst place_rate_per_minute "
        "reserve_burst_per_address reserve_burst_per_visitor reserve_rate_per_address "
        "reserve_rate_per_visitor reserve_wait_s security_contact send_timeout_s webhooks_private".split()
    )
    """What SIGHUP applies. Nothing may remember these values: they are read here at each use."""

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
    """Networks whose `X-Forwarded-*` headers are believed, comma-separated."""
    dns_servers: Annotated[list[str], NoDecode] = []
    """Name servers that are asked about crawlers (a room's `verified_crawlers`): `IP` or `IP:PORT`,
    comma-separated. Empty: those of the system."""
    rate_limits: Switch = True
    """`off` turns off all throttles, those of `/v1/login` included (for benchmarks)."""
    join_rate_per_address: int = Field(default=600, ge=0, le=60_000_000)
    """Joins per minute from one IPv4 address or IPv6 /64; 0: no limit."""
    join_burst_per_address: int = Field(default=200, ge=1, le=1_000_000)
    """Joins at once from one address."""
    place_rate_per_minute: int = Field(default=120, ge=1, le=1_000_000)
    """Place and claim calls per minute for one place."""
    place_burst: int = Field(default=30, ge=1, le=1_000_000)
    """Place and claim calls at once for one place."""
    reserve_rate_per_visitor: int = Field(default=60, ge=0, le=1_000_000)
    """Reserve, confirm, extend and cancel calls per minute of one visitor; 0: no limit."""
    reserve_burst_per_visitor: int = Field(default=40, ge=1, le=1_000_000)
    """Such calls at once of one visitor."""
    reserve_rate_per_address: int = Field(default=3000, ge=0, le=60_000_000)
    """Such calls per minute from one IPv4 address or IPv6 /64; 0: no limit."""
    reserve_burst_per_address: int = Field(default=1000, ge=1, le=1_000_000)
    """Such calls at once from one address."""
    streams_per_address: int = Field(default=300, ge=0, le=1_000_000)
    """Event streams that one address (IPv6: a /64) may have open in one process, then 429; 0: no limit."""
    requests_per_address: int = Field(default=1000, ge=0, le=1_000_000)
    """Requests that one address (IPv6: a /64) may have in flight in one web process, streams included, then
    429; 0: no limit. What comes through `FAIRGATE_TRUSTED_PROXIES` is for the proxy to limit."""
    staff_rate_per_minute: int = Field(default=1200, ge=1, le=1_000_000)
    """Calls per minute with one account's access tokens."""
    backlog_max: int = Field(default=20_000, ge=1, le=10_000_000)
    """Reservation requests that may wait in one room, then 503 `backlog_full`."""
    reserve_wait_s: float = Field(default=10.0, gt=0, le=60)
    """Seconds a reserve call waits for its decision."""
    body_timeout_s: float = Field(default=10.0, gt=0, le=600)
    """Seconds for a request's body, and for each piece of it; large bodies get one more for each 32 KiB
    received."""
    shutdown_delay_s: float = Field(default=5.0, ge=0, le=600)
    """Seconds from SIGTERM, when `/readyz` turns 503, until a web process accepts nothing new: proxies
    have to notice first. SIGINT, or a second SIGTERM, ends the wait. 0 in processes of `fairgate up`."""
    shutdown_grace_s: float = Field(default=20.0, gt=0, le=600)
    """Seconds from then on for requests under way and open streams, and of a worker for what it has in hand;
    what takes longer is cut off. 1.2 in processes of `fairgate up`."""
    send_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Seconds after which a reader who takes nothing of a response or stream is dropped."""
    store_timeout_s: float = Field(default=2.0, gt=0, le=60)
    """Seconds for any one round trip to a store."""
    postgres_pool_max: int = Field(default=10, ge=4, le=1000)
    """Connections to PostgreSQL per process. A restore holds two at once."""
    postgres_statements: int = Field(default=0, ge=0, le=10_000)
    """Prepared statements kept per connection, which saves a round trip each. Embedded: 100. Leave 0 behind
    PgBouncer in transaction mode."""
    webhooks_private: Switch = False
    """`on`: webhooks may be sent to private and loopback addresses."""
    payments: str = Field(default="", pattern=r"^([a-z][a-z0-9_]{0,39})?$")
    """The payment gateway: `stripe`, `at_door`, `invoice`, `simulated` (takes no money), or one of yours.
    Empty: confirming is 409 `payments_not_configured`. Rooms set to `test` use `simulated` in any case."""
    payments_key: SecretStr = SecretStr("")
    """The secret by which the payment gateway knows us; `simulated` needs none."""
    payments_url: str = Field(default="", pattern=r"^(https?://\S{1,200}[^/])?$")
    """Address of the gateway's API, without a slash at the end; empty: its own."""
    simulate_payments: Switch = False
    """`on` (or `up --simulate-payments`): the same as `FAIRGATE_PAYMENTS=simulated`."""
    payment_webhook_secret: SecretStr = SecretStr("")
    """Verifies the payment gateway's messages: `whsec_...`. `fairgate up` keeps one in the data folder."""
    smtp_url: SecretStr = SecretStr("")
    """`smtp://user:password@host:587` or `smtps://...`; a password is sent over TLS only. Empty: e-mails are
    written but not sent, and stay in the console."""
    mail_from: str = Field(default="", validate_default=True)
    """The sender of e-mails, e.g. `Tickets <tickets@example.org>`; required with `FAIRGATE_SMTP_URL`."""
    audit_keep_days: int = Field(default=0, ge=0, le=36_500)
    """Days after which entries of the audit log are deleted; 0: never."""
    ops_token: SecretStr = SecretStr("")
    """With `Authorization: Bearer` and this token, the public port serves `/metrics`, and `/readyz` gives its
    reasons. Empty: only the operators' port does."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """`json` for machines; `auto`: `console` on a terminal, else `json`."""
    log_file: str = ""
    """Write the log to this file as well; it is opened again after it was renamed, as logrotate does it.
    `fairgate up` keeps one of each role in the data folder, of 20 MiB at most, for `fairgate logs`."""

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
            form = "http://host[:port] or https://host[:port], without a path: pages are served from the root"
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
        form = "`*`, or origins as a browser sends them: https://shop.example, without a slash at the end"
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
                raise ValueError(f"{part} is no network, as 10.0.0.0/8") from None
        return value

    @field_validator("dns_servers")
    @classmethod
    def _name_servers(cls, value: list[str]) -> list[str]:
        for part in value:
            url = address_of(f"dns://{part}", ("dns",), "IP or IP:PORT, an IPv6 address in brackets")
            ipaddress.ip_address(part if url.path else url.hostname or "")
        return value

    @field_validator("secret", "ops_token")
    @classmethod
    def _long(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value().encode()) < SECRET_MIN:
            raise ValueError(f"must be {SECRET_MIN} characters or more, as `openssl rand -hex 32` makes it")
        return value

    @field_validator("simulate_payments")
    @classmethod
    def _one_gateway(cls, value: bool, info: ValidationInfo) -> bool:
        chosen = info.data.get("payments", "")
        if value and chosen not in ("", SIMULATED):
            raise ValueError("cannot be on: FAIRGATE_PAYMENTS names another gateway")
        return value

    @field_validator("payment_webhook_secret")
    @classmethod
    def _signs(cls, value: SecretStr) -> SecretStr:
        if text := value.get_secret_value():
            check_webhook_secret(text)
        return value

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
                raise ValueError("must be an address, as `Tickets <tickets@example.org>`") from None
        if not value and info.data.get("smtp_url", SecretStr("")).get_secret_value():
            raise ValueError("is needed with FAIRGATE_SMTP_URL")
        return value

    def take(self, now: Settings) -> None:
        """Take over what SIGHUP applies: all parts of a process hold this one object."""
        for name in self.RELOADED:
            self.__dict__[name] = getattr(now, name)

    @property
    def mails_links(self) -> bool:
        """Whether a mail can bring a link: there is a server, and we know by which address we are reached."""
        return bool(self.smtp_url.get_secret_value() and self.public_url)

    @property
    def gateway(self) -> str:
        """The gateway of rooms that are no test; "" where none is set up."""
        return self.payments or (SIMULATED if self.simulate_payments else "")

    @property
    def simulates_payments(self) -> bool:
        """Whether tickets are sold for nothing, also in rooms that are no test."""
        return self.gateway == SIMULATED

    @property
    def queue_url(self) -> str:
        """Where arq keeps its jobs; the same server by default."""
        return self.queue_redis_url or self.redis_url
