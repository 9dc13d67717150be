"""Compares two runs of the benchmark: `make bench-compare A=before.json B=after.json`.

A difference counts if it is outside the spread of the trials: the lowest of one run is above the highest of
the other. A figure with a single trial has no spread, and is not judged.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from app.core.errors import CannotRun
from load.measure.conditions import Conditions
from load.measure.figures import Figure
from load.measure.report import WIDTH, Report, headline, number

Judgement = Literal["higher", "lower", "no difference", "one trial", "only in A", "only in B"]
UNLIKE = ("cpu", "cores", "python", "redis", "postgres", "fsync", "server", "connections", "threads", "size")


class NoReport(CannotRun):
    """A file is not a report of the benchmark; the message says which."""


class Pair(msgspec.Struct, frozen=True):
    """One figure of one row in both runs; one of them may lack it."""

    row: str
    what: str
    before: Figure | None
    after: Figure | None

    @property
    def ratio(self) -> float | None:
        """B divided by A, by their medians; None if one of them lacks it."""
        if self.before is None or self.after is None or self.before.median == 0:
            return None
        return self.after.median / self.before.median

    @property
    def judgement(self) -> Judgement:
        """Whether B differs from A by more than the spread of their trials."""
        if self.before is None:
            return "only in B"
        if self.after is None:
            return "only in A"
        if min(len(self.before.trials), len(self.after.trials)) < 2:
            return "one trial"
        if min(self.after.trials) > max(self.before.trials):
            return "higher"
        if max(self.after.trials) < min(self.before.trials):
            return "lower"
        return "no difference"


def read(path: Path) -> Report:
    """Read the report in a file. Raises NoReport."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        raise NoReport(f"{path} is not a report of the benchmark: {error}") from None


def pairs(before: Report, after: Report) -> Iterator[Pair]:
    """Yield every figure of either run, those of A first, by the names of row and figure."""
    old, new = _figures(before), _figures(after)
    for row, what in old | new:
        yield Pair(row, what, old.get((row, what)), new.get((row, what)))


def _figures(report: Report) -> dict[tuple[str, str], Figure]:
    return {(row.name, figure.what): figure for row in report.rows for figure in row.figures}


def unlike(before: Conditions | None, after: Conditions | None) -> list[str]:
    """Return the conditions that differ, which make figures incomparable."""
    if before is None or after is None:
        return []
    return [name for name in UNLIKE if getattr(before, name) != getattr(after, name)]


def show(console: Console, before: Report, after: Report) -> None:
    """Print the conditions that differ, then the table."""
    for name, report in (("A", before), ("B", after)):
        if report.conditions is not None:
            console.print(f"{name}: {report.conditions.at:%Y-%m-%d %H:%M}: {headline(report.conditions)}")
    if differing := unlike(before.conditions, after.conditions):
        console.print(f"measured under different conditions ({', '.join(differing)}): compare with care")
    table = Table("row", "figure")
    for name in ("A", "A, lowest - highest", "B", "B, lowest - highest", "B / A"):
        table.add_column(name, justify="right")
    table.add_column("B is")
    for pair in pairs(before, after):
        ratio = f"{pair.ratio:.2f}" if pair.ratio is not None else ""
        table.add_row(pair.row, pair.what, *_cells(pair.before), *_cells(pair.after), ratio, pair.judgement)
    console.print(table)
    for name, report in (("A", before), ("B", after)):
        for verdict, found in report.verdicts.items():
            if not found.good:
                console.print(f"{name}: verdict on {verdict}: NOT GOOD: {found}")


def _cells(figure: Figure | None) -> tuple[str, str]:
    if figure is None:
        return "", ""
    return number(figure.median), f"{number(min(figure.trials))} - {number(max(figure.trials))}"


def main(
    a: Annotated[Path, typer.Argument(help="A report written with --json: the earlier run.")],
    b: Annotated[Path, typer.Argument(help="Another report: the later run.")],
) -> None:
    """Compare two runs of the benchmark."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    try:
        show(console, read(a), read(b))
    except CannotRun as error:
        print(f"bench-compare: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
