"""The table of a farm against fans: who won how many of the places, with each strength."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from load.simulate.farm import Farm, FarmOutcome
from load.simulate.table import WIDTH, share

MOST_S = 5.0  # an honest fan may not be delayed by more


def show(console: Console, farm: Farm, outcomes: Sequence[FarmOutcome]) -> None:
    """Print the table. `delay`: the median fan's and the longest; `farm`: its computation, on one core."""
    title = (
        f"{farm.places:,} places, {farm.method}: {farm.fans:,} fans against {farm.addresses:,} addresses, "
        f"{farm.tries:,} tries each"
    )
    table = Table(title=title, title_justify="left", width=WIDTH)
    table.add_column("strength", no_wrap=True)
    heads = (
        "places of bots",
        "won by bots",
        "won by fans",
        "fans slower",
        "fans out",
        "delay, s",
        "farm",
    )
    for head in heads:
        table.add_column(head, justify="right", min_width=7)
    for it in outcomes:
        table.add_row(*row(it))
    console.print(table)


def row(it: FarmOutcome) -> tuple[str, ...]:
    """The figures of one strength."""
    called = max(1, it.won_by_bots + it.won_by_fans)
    return (
        it.strength,
        f"{it.bots:,}",
        share(it.won_by_bots / called),
        share(it.won_by_fans / called),
        f"{it.fans_suspected:,}",
        f"{it.fans_out:,}",
        f"{it.delay_p50_s:.1f}/{it.delay_most_s:.1f}",
        f"{it.farm_core_s:,.0f} s",
    )
