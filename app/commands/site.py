"""site list | set | remove | find: which room a site's request belongs to."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from app.commands.command_settings import CommandFailed, Data, on_stores
from app.core.account import COMMAND_LINE
from app.core.errors import ValidationFailed
from app.core.gate.sites import Matcher, SiteRule, checked, key_of
from app.gate import sites
from app.settings import Settings
from app.store.connections import Stores

app = typer.Typer(
    help="Which room requests for a site belong to: one gate, many rooms.", rich_markup_mode=None
)

SiteArgument = Annotated[
    str,
    typer.Argument(metavar="HOST[/PATH]", help="As shop.example/tickets; *.shop.example; * for any host."),
]
Method = Annotated[str, typer.Option(help="Only requests with this method, such as POST. Default: any.")]


@app.command("list")
def list_sites(*, data: Data = None) -> None:
    """List the rules in the order they are tried."""
    rows = [("HOST", "PATH", "METHOD", "ROOM")]
    rows += [(it.host, it.path_prefix, it.method or "any", it.room_id) for it in on_stores(data, _read)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command("set")
def set_site(
    site: SiteArgument,
    room: Annotated[str, typer.Argument(metavar="ROOM", help="The room_id.")],
    *,
    method: Method = "",
    data: Data = None,
) -> None:
    """Assign requests for a host, or a path on it, to a room. Example: site set shop.example/buy opera"""
    rule = _rule(site, method, room)

    def with_it(rules: list[SiteRule]) -> list[SiteRule]:
        return [it for it in rules if key_of(it) != key_of(rule)] + [rule]

    _change(data, with_it)
    print(f"{rule.host}{rule.path_prefix}: {rule.method or 'any method'} -> {rule.room_id}")


@app.command()
def remove(site: SiteArgument, *, method: Method = "", data: Data = None) -> None:
    """Remove the rule for a host and path."""
    removed = _rule(site, method, "any")

    def without(rules: list[SiteRule]) -> list[SiteRule]:
        remaining = [it for it in rules if key_of(it) != key_of(removed)]
        if len(remaining) == len(rules):
            raise CommandFailed(
                f"there is no rule for {removed.host}{removed.path_prefix}; see: fairgate site list"
            )
        return remaining

    _change(data, without)
    print(f"{removed.host}{removed.path_prefix}: removed")


@app.command()
def find(
    address: Annotated[str, typer.Argument(metavar="URL", help="As https://shop.example/tickets?a=1")],
    *,
    method: Annotated[str, typer.Option(help="The method of the request.")] = "GET",
    data: Data = None,
) -> None:
    """Show which room a request for an address belongs to."""
    room = Matcher(on_stores(data, _read)).room_of(
        address if "://" in address else f"https://{address}", method
    )
    print(room or "no rule covers it: it passes")


async def _read(stores: Stores, _settings: Settings) -> list[SiteRule]:
    return await sites.rules_of(stores)


def _change(data: Data, to: sites.Change) -> None:
    async def change(stores: Stores, _settings: Settings) -> list[SiteRule]:
        return await sites.change(stores, to, by=COMMAND_LINE)

    on_stores(data, change)


def _rule(site: str, method: str, room: str) -> SiteRule:
    """The normalised rule. Raises ValidationFailed."""
    host, slash, path = (site.partition("://")[2] or site).partition("/")
    try:
        rule = msgspec.convert(
            {"host": host, "path_prefix": slash + path, "method": method, "room_id": room}, SiteRule
        )
    except msgspec.ValidationError as error:
        raise typer.BadParameter(f"{error}") from None
    try:
        return checked([rule])[0]
    except ValidationFailed as error:
        [wrong] = error.members["errors"]
        raise typer.BadParameter(f"{site} {wrong['message']}") from None
