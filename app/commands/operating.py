"""check, token, keys: what an operator asks of a running installation."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from app import accounts, conservation, signing
from app.commands.settled import CommandFailed, Data, on_stores
from app.core.model import EventId, Role
from app.settings import Settings
from app.store import balances
from app.store.connections import Stores

keys = typer.Typer(help="The keys booking tokens and access tokens are signed with.", rich_markup_mode=None)


def check(
    event: Annotated[str | None, typer.Argument(metavar="EVENT", help="The event_id.")] = None,
    *,
    all_events: Annotated[bool, typer.Option("--all", help="Every event.")] = False,
    data: Data = None,
) -> None:
    """Conservation: free + held + sold = total in Redis and in Postgres, and the two agree."""
    if (event is None) is not all_events:
        raise typer.BadParameter("name an EVENT, or give --all")

    async def look(stores: Stores, _settings: Settings) -> dict[str, list[str]]:
        chosen = (
            [EventId(event)] if event else [one for _, one in await balances.events_on_sale(stores.postgres)]
        )
        return {one: await conservation.check(stores, one) for one in chosen}

    found = on_stores(data, look)
    for name, lines in found.items():
        for line in lines or ["free + held + sold = total in both stores, and they agree"]:
            print(f"{name}: {line}")
    if wrong := [name for name, lines in found.items() if lines]:
        raise CommandFailed(f"conservation does not hold for {', '.join(wrong)}")


def token(
    *,
    role: Annotated[Role, typer.Option(help="What the token's holder may do.")],
    sub: Annotated[str, typer.Option(help="Who the token speaks for.")],
    data: Data = None,
) -> None:
    """Print an access token, good for 12 hours."""
    if not re.fullmatch(r"[^\x00-\x1f\x7f]{1,200}", sub):
        raise typer.BadParameter("--sub takes 1 to 200 characters, no control characters")

    async def issue(stores: Stores, _settings: Settings) -> str:
        issued, _ends_at = await accounts.issue_access_token(stores.postgres, sub, role)
        return issued

    print(on_stores(data, issue))


@keys.callback()
def _keys() -> None:
    """Keeps `rotate` a word of its own while it is the only one."""


@keys.command()
def rotate(*, data: Data = None) -> None:
    """Sign with a new key from now on; tokens signed before stay good until they run out."""

    async def replace(stores: Stores, _settings: Settings) -> str:
        return await signing.rotate(stores.postgres)

    print(on_stores(data, replace))
