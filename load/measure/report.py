"""The benchmark's output on the console, and with `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from load.judging.verdict import Verdict
from load.measure.conditions import Conditions
from load.measure.figures import Figure, Row
from load.measure.sizes import WHOLE
from load.measure.trials import Run

WIDTH = 160
PERCENTILES = ("p50 ms", "p99 ms")


class Report(msgspec.Struct, frozen=True):
    """One run of the benchmark, as written to a file."""

    conditions: Conditions | None
    rows: list[Row]
    verdicts: Mapping[str, Verdict]


def show(console: Console, run: Run, rows: Sequence[Row]) -> None:
    """Print the conditions, the table and the verdicts."""
    if run.under is not None:
        console.print(headline(run.under))
    if run.size != WHOLE:
        console.print(
            "Sizes are smaller than in a full run: these figures show that it works, not how fast it is."
        )
    console.print(_table(rows))
    for row in rows:
        if row.note:
            console.print(f"{row.name}: {row.note}")
        if row.answered:
            console.print(f"{row.name}: {_answers(row)}")
    for name, verdict in run.verdicts.items():
        console.print(f"verdict on {name}: {'good' if verdict.good else 'NOT GOOD'}: {verdict}")


def headline(under: Conditions) -> str:
    """The conditions in one sentence."""
    return (
        f"{under.cores} cores ({under.cpu}), shared by everything, load average {under.load_average} before; "
        f"{under.server}, Python {under.python}, {under.redis}, PostgreSQL {under.postgres} (fsync "
        f"{under.fsync}); wrk with {under.connections} connections; median of {under.size.trials} trials of "
        f"{under.size.seconds} s"
    )


def _table(rows: Sequence[Row]) -> Table:
    table = Table("row", "figure")
    for name in ("median", "lowest - highest", "target", "met", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    table.add_column("CPU, us per request (% of a core)")
    table.add_column("of the store alone")
    for row in rows:
        for number, figure in enumerate(it for it in row.figures if it.what not in PERCENTILES):
            table.add_row(*_cells(row, figure, first=number == 0))
        if not row.figures:
            table.add_row(row.name, "not measured")
        table.add_section()
    return table


def _cells(row: Row, figure: Figure, *, first: bool) -> tuple[str, ...]:
    spread = f"{number(min(figure.trials))} - {number(max(figure.trials))}" if len(figure.trials) > 1 else ""
    met = {True: "yes", False: "no", None: ""}
    own = (figure.what, number(figure.median), spread, target(figure), met[figure.met])
    if not first:
        return ("", *own)
    latencies = {it.what: it for it in row.figures}
    return (
        row.name,
        *own,
        *(_latency(latencies.get(name)) for name in PERCENTILES),
        "\n".join(f"{name} {us:,.0f} ({row.cpu[name]:.0f}%)" for name, us in row.cpu_us.items()),
        _beside(row),
    )


def _latency(figure: Figure | None) -> str:
    if figure is None:
        return ""
    missed = {True: "", False: " missed", None: ""}[figure.met]
    return f"{number(figure.median)} {target(figure)}{missed}".strip()


def _beside(row: Row) -> str:
    if (it := row.reference) is None:
        return ""
    return f"{it.share:.0%} of {it.what}:\n{it.per_s:,.0f} a second\nin batches of {it.batch}"


def _answers(row: Row) -> str:
    answers = ", ".join(f"{count:,} x {status}" for status, count in row.answered.items())
    return f"responses {answers}, {row.broken:,} broken; {row.batch:.0f} per script run"


def target(figure: Figure) -> str:
    """The target with its comparison sign; empty without one."""
    least = f"≥ {number(figure.at_least)}" if figure.at_least is not None else ""
    most = f"≤ {number(figure.at_most)}" if figure.at_most is not None else ""
    return " ".join(filter(None, (least, most)))


def number(value: float) -> str:
    """Format a figure with three or four significant digits."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"


def write(path: Path, run: Run, rows: Sequence[Row]) -> None:
    """Write the same as one JSON document."""
    document = Report(run.under, list(rows), run.verdicts)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
