"""admin create | password: staff accounts, which sign in with e-mail and password."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import msgspec
import typer

from app.accounts import accounts, password_resets
from app.accounts.passwords import Passwords, refuse_common
from app.commands.command_settings import Data, on_stores
from app.core.account import COMMAND_LINE, RegisteredAccount
from app.core.catalogue.definitions import NewAccount
from app.core.errors import ValidationFailed
from app.core.model import Role
from app.core.notifications.email import mailbox
from app.settings import Settings
from app.store.connections import Stores

app = typer.Typer(help="Staff accounts.", rich_markup_mode=None)

WRONG = {
    "email": "--email takes an e-mail address of at most 254 characters",
    "name": "--name takes 1 to 200 characters, no control characters",
    "password": "a password has 10 to 200 characters, no control characters, and must not be a common one",
}


@app.command()
def create(
    *,
    email: Annotated[str, typer.Option(help="E-mail address to sign in with.")],
    name: Annotated[str, typer.Option(help="Their name.")],
    role: Annotated[Literal["admin", "operator"], typer.Option(help="Their role.")] = "admin",
    data: Data = None,
) -> None:
    """Create a staff account, or give the one with this e-mail a new role, name and password.

    Prompts for the password; without a terminal, reads it from the first line of standard input.
    """
    _check("email", email)
    _check("name", name)
    chosen = _password()
    _check("password", chosen)
    new = NewAccount(email=email, name=name, password=chosen)

    async def appoint(stores: Stores, _settings: Settings) -> tuple[RegisteredAccount, Role | None]:
        return await accounts.appoint(stores, Passwords(), new, role, by=COMMAND_LINE)

    account, before = on_stores(data, appoint)
    if before is None:
        print(f"created an account for {account.email} with the role {account.role}")
    else:
        print(f"{account.email} was {before} and is now {account.role}, with the new password")


@app.command()
def password(*, email: Annotated[str, typer.Option(help="Whose password it is.")], data: Data = None) -> None:
    """Set a new password for an account, for example if it was forgotten. It is signed out everywhere.

    Prompts for the password; without a terminal, reads it from the first line of standard input.
    """
    _check("email", email)
    new = _password()
    _check("password", new)

    async def change(stores: Stores, _settings: Settings) -> RegisteredAccount:
        return await password_resets.set_password(stores, Passwords(), email, new, by=COMMAND_LINE)

    changed = on_stores(data, change)
    print(f"{changed.email} has the new password, and is signed out everywhere")


def _check(field: str, value: str) -> None:
    """Refuse values that no account can have, naming the option."""
    account = {"email": "a@b.c", "name": "n", "password": "a good one"} | {field: value}
    try:
        value.encode()  # input from a terminal may not be valid text
        new = msgspec.convert(account, NewAccount)
        mailbox(new.email)
        refuse_common(new.password)
    except (msgspec.ValidationError, ValidationFailed, UnicodeEncodeError):
        raise typer.BadParameter(WRONG[field]) from None


def _password() -> str:
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return password
    return sys.stdin.readline().rstrip("\r\n")
