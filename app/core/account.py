"""Actors: holders of tokens, authors of changes, and stored accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from app.core.accounts.rights import Grants
from app.core.accounts.scopes import KeyRights
from app.core.model import Role, Struct


class Account(Struct, frozen=True):
    """The holder of an access token; `jti` is the token's id, empty for an API key, which has `key`.

    `grants`: their rights in single sales, consulted only where the role alone does not suffice.
    """

    subject: str
    role: Role
    jti: str = ""
    key: KeyRights | None = None
    grants: Grants | None = None


class Author(Struct, frozen=True):
    """The author of a change, for the audit log: staff with an access token, or one of those below."""

    subject: str
    role: Role | Literal["cli", "autopilot"]
    request_id: str = ""


COMMAND_LINE = Author(subject="cli", role="cli")
AUTOPILOT = Author(subject="autopilot", role="autopilot")


class RegisteredAccount(Struct, frozen=True):
    """An account as Postgres keeps it; `account_id` is the subject of its access tokens."""

    account_id: str
    email: str
    name: str
    role: Role
    password_hash: str
    created_at: datetime
    deactivated_at: datetime | None = None  # cannot sign in, and every credential it holds is void
    last_sign_in_at: datetime | None = None
    last_sign_in_from: str = ""
