"""check, reconcile, token, keys: operations on a running installation."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from app.accounts import accounts, signing_keys
from app.commands.command_settings import CommandFailed, Data, on_stores
from app.core.account import COMMAND_LINE
from app.core.model import EventId, Role
from app.core.tokens.signing_key import Purpose
from app.reservations import consistency
from app.reservations.reconcile import Report
from app.reservations.reconcile import reconcile as run_reconcile
from app.settings import Settings
from app.store.connections import Stores
from app.store.scripts.stock import RoomNotReady
from app.store.sql.reservations import balances

keys = typer.Typer(
    help="The signing keys of booking tokens, access tokens and passes.", rich_markup_mode=None
)


def check(
    event: Annotated[str | None, typer.Argument(metavar="EVENT", help="The event_id.")] = None,
    *,
    all_events: Annotated[bool, typer.Option("--all", help="Every event.")] = False,
    data: Data = None,
) -> None:
    """Check that free + held + sold = total in Redis and in PostgreSQL, and that the two agree."""
    _require_one_or_all(event, all_events)

    async def compare_one(stores: Stores, _settings: Settings) -> dict[str, list[str]]:
        return {one: await consistency.check(stores, one) for one in await _chosen(stores, event)}

    differences = on_stores(data, compare_one)
    for name, lines in differences.items():
        for line in lines or ["free + held + sold = total in both stores, and they agree"]:
            print(f"{name}: {line}")
    if wrong := [name for name, lines in differences.items() if lines]:
        raise CommandFailed(f"the stock does not add up for {', '.join(wrong)}")


def reconcile(
    event: Annotated[str | None, typer.Argument(metavar="EVENT", help="The event_id.")] = None,
    *,
    all_events: Annotated[bool, typer.Option("--all", help="Every event.")] = False,
    only_check: Annotated[bool, typer.Option("--check", help="Change nothing.")] = False,
    data: Data = None,
) -> None:
    """Compare the stock in Redis with PostgreSQL's counters and rows, and repair what is safe."""
    _require_one_or_all(event, all_events)

    async def compare(stores: Stores, _settings: Settings) -> dict[str, Report]:
        return {one: await _reconciled(stores, one, only_check) for one in await _chosen(stores, event)}

    reports = on_stores(data, compare)
    for name, report in reports.items():
        for word, lines in (("repaired", report.repaired), ("drift", report.left)):
            for line in lines:
                print(f"{name}: {word}: {line}")
        if not (report.repaired or report.left):
            print(f"{name}: no drift")
    if wrong := [name for name, report in reports.items() if report.left]:
        raise CommandFailed(f"the stores differ for {', '.join(wrong)}")


async def _reconciled(stores: Stores, event_id: EventId, only_check: bool) -> Report:
    try:
        return await run_reconcile(stores, event_id, repair=not only_check)
    except RoomNotReady as error:
        return Report([], [f"the room is {error.word} in Redis, so nothing was compared; try again later"])


def _require_one_or_all(event: str | None, all_events: bool) -> None:
    if (event is None) is not all_events:
        raise typer.BadParameter("name an EVENT, or give --all")


async def _chosen(stores: Stores, event: str | None) -> list[EventId]:
    if event:
        return [EventId(event)]
    return [one for _, one in await balances.events_on_sale(stores.postgres)]


def token(
    *,
    role: Annotated[Role, typer.Option(help="Role of the token.")],
    sub: Annotated[str, typer.Option(help="Subject of the token.")],
    data: Data = None,
) -> None:
    """Print an access token that is valid for 12 hours."""
    if not re.fullmatch(r"[^\x00-\x1f\x7f]{1,200}", sub):
        raise typer.BadParameter("--sub takes 1 to 200 characters, no control characters")

    async def issue(stores: Stores, _settings: Settings) -> str:
        issued, _ends_at = await accounts.issue_access_token(stores.postgres, sub, role)
        return issued

    print(on_stores(data, issue))


@keys.command()
def rotate(*, data: Data = None) -> None:
    """Sign with new keys from now on; older tokens stay valid until they expire."""

    async def replace(stores: Stores, _settings: Settings) -> dict[str, str]:
        return await signing_keys.rotate(stores.postgres, by=COMMAND_LINE)

    for purpose, kid in on_stores(data, replace).items():
        print(f"{purpose} {kid}")


@keys.command()
def revoke(
    kid: Annotated[str, typer.Argument(help="The key's id, as in the header of its tokens.")],
    *,
    data: Data = None,
) -> None:
    """Revoke a key that may be stolen: within seconds no token it signed is accepted.

    Visitors inside claim their booking token again and lose nothing; those with a pass are sent to the queue
    page for a new one; staff and accounts sign in again.
    """

    async def end(stores: Stores, _settings: Settings) -> Purpose | None:
        return await signing_keys.revoke(stores.postgres, kid, by=COMMAND_LINE)

    purpose = on_stores(data, end)
    if purpose is None:
        raise CommandFailed(f"there is no signing key {kid}, or it was revoked before")
    print(f"revoked {kid}: tokens it signed ({purpose}) are no longer valid")
