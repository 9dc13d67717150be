"""Accounts for tests of operations."""

from __future__ import annotations

from argon2 import PasswordHasher

from app.accounts import accounts
from app.accounts.passwords import Passwords
from app.core.account import COMMAND_LINE, Author, RegisteredAccount
from app.core.catalogue.definitions import NewAccount
from app.core.model import Role
from app.store.connections import Stores

ANN, BOB = "ann@example.org", "bob@example.org"
PASSWORD = "correct horse battery"


def quick_passwords() -> Passwords:
    """Passwords that are hashed in no time."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


async def an_account(
    stores: Stores, email: str = ANN, role: Role = "operator"
) -> tuple[RegisteredAccount, Author]:
    """An account, also as the author of changes."""
    new = NewAccount(email=email, name=email.partition("@")[0].title(), password=PASSWORD)
    account, _ = await accounts.appoint(stores, quick_passwords(), new, role, by=COMMAND_LINE)
    return account, Author(account.account_id, role)


async def actions(stores: Stores) -> list[str]:
    """What the audit log says was done, oldest first."""
    return [
        row["action"] for row in await stores.postgres.fetch("SELECT action FROM audit ORDER BY audit_id")
    ]
