"""How staff sign in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from app.core.accounts.oidc import roles_of_groups
from app.core.text.setting_values import Switch, address_of


class StaffSignIn(BaseModel):
    """How staff sign in."""

    staff_idle_minutes: int = Field(default=0, ge=0, le=720)
    """Minutes after which a browser that opens no page of the console is signed out; a page that only shows
    live figures counts as idle. 0: only after 12 hours in all."""
    staff_proof_minutes: int = Field(default=10, ge=0, le=720)
    """Minutes after which sensitive actions in the console (cancelling a sale, deleting a room, rights, keys
    and secrets) ask again for a code of the second factor, or the password. 0: never."""
    second_factor: Literal["nobody", "admins", "staff"] = "nobody"
    """Who needs a second factor (app codes or a passkey) in addition to the password before they can do
    anything. Anyone who has set one up is asked for it in any case."""
    oidc_issuer: str = ""
    """The issuer of the OpenID Connect provider that staff sign in with, such as `https://login.example.org`.
    Register `/admin/sign-in/oidc/back` there as the redirect address. Empty: none."""
    oidc_client_id: str = Field(default="", validate_default=True)
    """The client id there; required with `FAIRGATE_OIDC_ISSUER`."""
    oidc_client_secret: SecretStr = SecretStr("")
    """The secret that goes with it; empty for a public client."""
    oidc_domains: Annotated[list[str], NoDecode] = []
    """Domains whose e-mail addresses may sign in through the provider, comma-separated. Empty: all."""
    oidc_groups_claim: str = Field(default="groups", pattern=r"^[A-Za-z][A-Za-z0-9_.:/-]{0,99}$")
    """The claim that lists a user's groups."""
    oidc_roles: str = ""
    """The role of each group, such as `ticketing=operator, it=admin`; the highest applies, at each sign-in.
    Users in none of the groups cannot sign in this way. Empty: accounts keep the role they have here."""
    oidc_create: Switch = False
    """`on`: users in a group of `FAIRGATE_OIDC_ROLES` get an account if they have none. `off`: only those who
    were invited, or have an account, can sign in."""

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
            raise ValueError("is required with FAIRGATE_OIDC_ISSUER")
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
