"""How staff sign in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from app.core.oidc import roles_of_groups
from app.core.setting_values import Switch, address_of


class StaffSignIn(BaseModel):
    """How staff sign in."""

    staff_idle_minutes: int = Field(default=0, ge=0, le=720)
    """Minutes after which a browser that opens no page of the console is signed out; a page that only shows
    live numbers is no use of it. 0: only after 12 hours in all."""
    staff_proof_minutes: int = Field(default=10, ge=0, le=720)
    """Minutes after which what is dangerous in the console (cancelling a sale, deleting a room, rights, keys
    and secrets) asks once more for a code of the second factor, or the password. 0: never."""
    second_factor: Literal["nobody", "admins", "staff"] = "nobody"
    """Who needs a second factor beside the password, codes of an app or a passkey, before they can do
    anything. Whoever has set one up is asked for it in any case."""
    oidc_issuer: str = ""
    """The OpenID Connect provider that staff sign in with: its issuer, as `https://login.example.org`. Its
    redirect address for us is `/admin/sign-in/oidc/back`. Empty: none."""
    oidc_client_id: str = Field(default="", validate_default=True)
    """Our name there; required with `FAIRGATE_OIDC_ISSUER`."""
    oidc_client_secret: SecretStr = SecretStr("")
    """The secret that goes with it; empty for a public client."""
    oidc_domains: Annotated[list[str], NoDecode] = []
    """Domains whose e-mail addresses may sign in that way, comma-separated. Empty: all."""
    oidc_groups_claim: str = Field(default="groups", pattern=r"^[A-Za-z][A-Za-z0-9_.:/-]{0,99}$")
    """The claim that lists the groups of somebody."""
    oidc_roles: str = ""
    """Which group has which role, as `ticketing=operator, it=admin`; the highest counts, at each sign-in, and
    who is in none cannot sign in that way. Empty: accounts keep the role they have here."""
    oidc_create: Switch = False
    """`on`: who is in a group of `FAIRGATE_OIDC_ROLES` and has no account gets one. `off`: only those who
    were invited, or have an account, sign in."""

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if value and not address_of(value, ("https", "http"), "https://login.example.org").hostname:
            raise ValueError("must be https://login.example.org")
        return value

    @field_validator("oidc_client_id")
    @classmethod
    def _client(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("oidc_issuer"):
            raise ValueError("is needed with FAIRGATE_OIDC_ISSUER")
        return value

    @field_validator("oidc_domains", mode="before")
    @classmethod
    def _domains(cls, value: object) -> object:
        parts = value.lower().split(",") if isinstance(value, str) else value
        return [it.strip() for it in parts if it.strip()] if isinstance(parts, list) else parts

    @field_validator("oidc_roles")
    @classmethod
    def _roles(cls, value: str) -> str:
        roles_of_groups(value)
        return value
