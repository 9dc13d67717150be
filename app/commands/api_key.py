"""api-key create | list | revoke: the access tokens of machines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
import typer

from app.accounts import api_keys
from app.accounts.api_keys import KeyTerms, NewKey
from app.commands.command_settings import CommandFailed, Data, on_stores
from app.core.account import COMMAND_LINE
from app.core.accounts.scopes import SCOPES, Scope
from app.core.model import KeyRole
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.accounts.api_keys import ApiKey

LISTED_MAX = 1_000
NAME_MAX = 200

app = typer.Typer(help="API keys: the access tokens of machines.", rich_markup_mode=None)


@app.command()
def create(
    *,
    name: Annotated[str, typer.Option(help="What uses it.")],
    role: Annotated[Literal["admin", "operator"], typer.Option(help="Role that limits it.")] = "operator",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Only these calls of its role; may be repeated: {', '.join(SCOPES)}. Default: all."
        ),
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(help="Only this event and its room; may be repeated. Default: every event."),
    ] = None,
    network: Annotated[str, typer.Option(help="Network it may be used from, such as 203.0.113.0/24.")] = "",
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
            help="When it expires (UTC). Default: never, until revoked.",
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Create an API key and print it; it is not shown again."""
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise typer.BadParameter("--name takes 1 to 200 characters, no control characters")
    ends = until.replace(tzinfo=UTC) if until is not None and until.tzinfo is None else until
    terms = KeyTerms(name, role, ends, network, _scopes(scope), event or None)

    async def make(stores: Stores, settings: Settings) -> tuple[NewKey, str]:
        secret = settings.secret.get_secret_value().encode()
        if not secret:
            raise CommandFailed("FAIRGATE_SECRET is not set; set it to the value that web uses")
        created = await api_keys.create(stores, secret, terms, by=COMMAND_LINE)
        return created, api_keys.key_of(secret, created.key_id)

    _, key = on_stores(data, make)
    print(key)


@app.command("list")
def list_keys(*, data: Data = None) -> None:
    """List all API keys, without the keys themselves."""

    async def read(stores: Stores, _settings: Settings) -> list[ApiKey]:
        return (await api_keys.page(stores, limit=LISTED_MAX, offset=0))[0]

    rows = [("KEY", "STATE", "ROLE", "NAME", "SCOPES", "EVENTS", "NETWORK", "UNTIL")]
    rows += [_row(it) for it in on_stores(data, read)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="KEY")], *, data: Data = None) -> None:
    """Revoke a key at once."""

    async def end(stores: Stores, _settings: Settings) -> None:
        await api_keys.revoke(stores, key_id, by=COMMAND_LINE)

    on_stores(data, end)
    print(f"revoked {key_id}")


def _scopes(names: list[str] | None) -> list[Scope] | None:
    try:
        return msgspec.convert(names, list[Scope]) if names else None
    except msgspec.ValidationError:
        raise typer.BadParameter(f"--scope is one of {', '.join(SCOPES)}") from None


def _row(key: ApiKey) -> tuple[str, str, KeyRole, str, str, str, str, str]:
    state = "live" if key.live else "revoked" if key.revoked_at else "over"
    limits = (" ".join(its) if its is not None else "all" for its in (key.scopes, key.events))
    scopes, events = limits
    until = f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}" if key.expires_at else "-"
    return key.key_id, state, key.role, key.name, scopes, events, key.network or "any", until
