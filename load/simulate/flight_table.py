"""The table of a flight of the autopilot: the rate, p95 and errors over time, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from load.simulate.flight import ENOUGH, WITHIN_S, PlayedFlight
from load.simulate.table import WIDTH, duration, share

EVERY_S = 15


def show(console: Console, flight: PlayedFlight) -> None:
    """Print the course, every few seconds."""
    on = flight.on
    target = f"p95 {on.p95_ms:,} ms and {on.error_rate:.0%} errors"
    title = f"a shop that {flight.scene}; {on.floor:,} to {on.ceiling:,} a minute, target {target}"
    table = Table(
        "at",
        "shop bears",
        "rate",
        "served",
        "p95 ms",
        "errors",
        title=title,
        title_justify="left",
        width=WIDTH,
    )
    for column in table.columns:
        column.justify = "right"
    for moment in flight.moments[EVERY_S - 1 :: EVERY_S]:
        late = moment.p95_ms > on.p95_ms
        table.add_row(
            duration(moment.at_s + 1),
            f"{moment.bears:,.0f}",
            f"{moment.rate:,}",
            f"{moment.served:,.0f}",
            f"{moment.p95_ms:,.0f}{' !' if late else ''}",
            share(moment.error_rate) + (" !" if moment.error_rate > on.error_rate else ""),
        )
    console.print(table)


def show_verdict(console: Console, flights: Sequence[PlayedFlight]) -> None:
    """Print one row for each change of what the shop can bear."""
    title = f"{ENOUGH:.0%} of what it bears within {WITHIN_S} s of each change, then as much and no errors"
    table = Table(
        *("shop", "from", "bears", "reached after", "then served", "errors", ""),
        title=title,
        title_justify="left",
        width=WIDTH,
    )
    for scene in flights:
        for change in scene.changes:
            table.add_row(
                scene.scene,
                duration(change.at_s),
                f"{change.bears:,.0f}",
                "never" if change.reached_s is None else f"{change.reached_s} s",
                share(change.served),
                share(change.errors),
                "good" if change.good else "NOT GOOD",
            )
    console.print(table)
