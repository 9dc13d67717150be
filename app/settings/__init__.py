"""Settings: each with its default and its meaning. An invalid value is refused by the name of its setting.

Each module here is a group of settings. A new one goes into the group of its subject, with a docstring below
it.
"""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.settings.addresses import Addresses
from app.settings.captcha import CaptchaKeys
from app.settings.limits import Limits
from app.settings.mail import Mail
from app.settings.operating import Operating
from app.settings.payments import SIMULATED, Payments
from app.settings.public_log import PublicLogs
from app.settings.staff import StaffSignIn
from app.settings.wallet import Wallet
from app.settings_sources import OneFile, SecretFiles

__all__ = ["SIMULATED", "Settings"]


class Settings(
    BaseSettings, Operating, StaffSignIn, Wallet, Mail, Payments, CaptchaKeys, PublicLogs, Limits, Addresses
):
    """Everything that can be configured. Empty store addresses mean embedded stores.

    Fields are in the order of the groups from last to first, as pydantic reads base classes.
    """

    model_config = SettingsConfigDict(
        env_prefix="FAIRGATE_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # it may contain passwords
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
        """The sources by precedence: the environment, files of secrets, one file of settings."""
        return init_settings, env_settings, SecretFiles(settings_cls), OneFile(settings_cls)

    RELOADED: ClassVar[frozenset[str]] = frozenset(
        "audit_keep_days backlog_max body_timeout_s buyers_keep_days cors_origins join_burst_per_address "
        "join_rate_per_address log_level ops_token place_burst place_rate_per_minute "
        "reserve_burst_per_address reserve_burst_per_visitor reserve_rate_per_address "
        "reserve_rate_per_visitor reserve_wait_s security_contact send_timeout_s staff_idle_minutes "
        "staff_proof_minutes webhooks_private".split()
    )
    """The settings that SIGHUP applies. Nothing may cache them: they are read here at each use."""

    def take(self, now: Settings) -> None:
        """Apply reloaded settings to this object, which all parts of a process share."""
        for name in self.RELOADED:
            self.__dict__[name] = getattr(now, name)

    @property
    def mails_links(self) -> bool:
        """Whether e-mails can contain links: there is a mail server, and our own address is known."""
        return bool(self.smtp_url.get_secret_value() and self.public_url)

    @property
    def gateways(self) -> tuple[str, ...]:
        """The gateways for rooms that are not tests, the first choice first; empty if none is set up."""
        found = self.payments or (SIMULATED if self.simulate_payments else "")
        return tuple(found.split(",")) if found else ()

    @property
    def gateway(self) -> str:
        """All of them, in the form of the setting; "" if none is set up."""
        return ",".join(self.gateways)

    @property
    def simulates_payments(self) -> bool:
        """Whether payments are simulated in all rooms, not only in test rooms."""
        return self.gateway == SIMULATED

    @property
    def log_host(self) -> str:
        """The host in the names of public logs: the one visitors use."""
        return urlsplit(self.public_url).netloc or "fairgate"

    @property
    def queue_url(self) -> str:
        """The Redis where arq keeps its jobs; by default the same server."""
        return self.queue_redis_url or self.redis_url
