"""How fans pay, and where webhooks may go."""

from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from app.core.text.setting_values import Switch, check_webhook_secret

SIMULATED = "simulated"  # the gateway that takes no money


class Payments(BaseModel):
    """How fans pay, and where webhooks may go."""

    webhooks_private: Switch = False
    """`on`: webhooks may be sent to private and loopback addresses."""
    payments: str = Field(default="", pattern=r"^([a-z][a-z0-9_]{0,39}(,[a-z][a-z0-9_]{0,39}){0,7})?$")
    """The payment gateway: `stripe`, `at_door`, `invoice`, `simulated` (takes no money), or one of yours;
    several with commas, as in `stripe,invoice`, for buyers to choose from. Empty: confirming returns 409
    `payments_not_configured`. Rooms set to `test` use `simulated` in any case."""
    payments_key: SecretStr = SecretStr("")
    """The secret key for the payment gateway; `simulated` needs none."""
    payments_url: str = Field(default="", pattern=r"^(https?://\S{1,200}[^/])?$")
    """Address of the gateway's API, without a trailing slash; empty: its own."""
    simulate_payments: Switch = False
    """`on` (or `up --simulate-payments`): the same as `FAIRGATE_PAYMENTS=simulated`."""
    payment_webhook_secret: SecretStr = SecretStr("")
    """Verifies the payment gateway's messages: `whsec_...`. `fairgate up` keeps one in the data folder."""

    @field_validator("simulate_payments")
    @classmethod
    def _one_gateway(cls, value: bool, info: ValidationInfo) -> bool:
        chosen = info.data.get("payments", "")
        if value and chosen not in ("", SIMULATED):
            raise ValueError("cannot be on, because FAIRGATE_PAYMENTS names another gateway")
        return value

    @field_validator("payments")
    @classmethod
    def _each_once(cls, value: str) -> str:
        names = value.split(",")
        if len({*names}) < len(names):
            raise ValueError("names a gateway twice")
        if SIMULATED in names and len(names) > 1:
            raise ValueError("cannot combine simulated with another gateway")
        return value

    @field_validator("payment_webhook_secret")
    @classmethod
    def _signs(cls, value: SecretStr) -> SecretStr:
        if text := value.get_secret_value():
            check_webhook_secret(text)
        return value
