"""Settings: every one with its default and what it means. A bad value is refused by name.

Each module here is a group of them: a new one goes where it belongs by its subject, with a docstring below.
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
    """Everything that can be set from outside. Empty store addresses mean: embedded.

    Fields are in the order of the groups from the last to the first: pydantic reads bases that way.
    """

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
        "audit_keep_days backlog_max body_timeout_s buyers_keep_days cors_origins join_burst_per_address "
        "join_rate_per_address log_level ops_token place_burst place_rate_per_minute "
        "reserve_burst_per_address reserve_burst_per_visitor reserve_rate_per_address "
        "reserve_rate_per_visitor reserve_wait_s security_contact send_timeout_s staff_idle_minutes "
        "staff_proof_minutes webhooks_private".split()
    )
    """What SIGHUP applies. Nothing may remember these values: they are read here at each use."""

    def take(self, now: Settings) -> None:
        """Take over what SIGHUP applies: all parts of a process hold this one object."""
        for name in self.RELOADED:
            self.__dict__[name] = getattr(now, name)

    @property
    def mails_links(self) -> bool:
        """Whether a mail can bring a link: there is a server, and we know by which address we are reached."""
        return bool(self.smtp_url.get_secret_value() and self.public_url)

    @property
    def gateways(self) -> tuple[str, ...]:
        """The gateways of rooms that are no test, the first choice first; none where none is set up."""
        found = self.payments or (SIMULATED if self.simulate_payments else "")
        return tuple(found.split(",")) if found else ()

    @property
    def gateway(self) -> str:
        """All of them as the setting has them; "" where none is set up."""
        return ",".join(self.gateways)

    @property
    def simulates_payments(self) -> bool:
        """Whether tickets are sold for nothing, also in rooms that are no test."""
        return self.gateway == SIMULATED

    @property
    def log_host(self) -> str:
        """What public logs are called by: the host that visitors use."""
        return urlsplit(self.public_url).netloc or "fairgate"

    @property
    def queue_url(self) -> str:
        """Where arq keeps its jobs; the same server by default."""
        return self.queue_redis_url or self.redis_url
