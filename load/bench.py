"""The benchmark: each row starts a fresh installation, measures it from outside, and has its stores judged.

`make bench`, or `python -m load.bench [--rows NAME,NAME] [--quick] [--json FILE]`. The rows and the method
are described in docs/explanation/performance.md. Exit code 1 if a verdict is bad or a row broke off.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from app.core.errors import CannotRun
from app.store.connections import STORE_AWAY
from load.measure import report
from load.measure.figures import Row, missing
from load.measure.sizes import QUICK, WHOLE
from load.measure.trials import Run
from load.measure.wrk import WrkOptions, program
from load.rows.catalogue import ROWS

BROKEN_OFF: tuple[type[Exception], ...] = (CannotRun, *STORE_AWAY)


async def bench(run: Run, names: list[str], json: Path | None = None) -> list[Row]:
    """Measure these rows one after the other, each on its own installations, and write them to `json` as they
    finish.

    A row that breaks off is reported in its place, and the others continue.
    """
    program()
    results: list[Row] = []
    for name in names:
        run.console.print(f"{name}: {(ROWS[name].__doc__ or '').splitlines()[0]}")
        try:
            results.append(await ROWS[name](run))
        except BROKEN_OFF as error:
            run.broke_off.append(name)
            results.append(missing(name, f"it broke off: {error!r}"))
        if json is not None:
            report.write(json, run, results)
    return results


def choose_rows(text: str) -> list[str]:
    """Return the requested rows in the order of the table; all for an empty text. Raises CannotRun."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := sorted(names - ROWS.keys()):
        raise CannotRun(f"there is no row {', '.join(unknown)}; there are: {', '.join(ROWS)}")
    return [name for name in ROWS if name in names or not names]


def main(
    rows: Annotated[str, typer.Option(help=f"Only these rows, comma-separated: {', '.join(ROWS)}.")] = "",
    server: Annotated[Literal["granian", "hypercorn"], typer.Option(help="The HTTP server.")] = "granian",
    quick: Annotated[bool, typer.Option(help="Small and short trials: a check that it works.")] = False,
    seconds: Annotated[
        int, typer.Option(min=0, max=60, help="Seconds per trial; 0: 10, or 1 with --quick.")
    ] = 0,
    connections: Annotated[int, typer.Option(min=1, max=1000, help="Open connections.")] = 64,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of wrk.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Measure Fairgate on this machine, row by row."""
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH, highlight=False)
    size = QUICK if quick else WHOLE
    size = dataclasses.replace(size, seconds=seconds or size.seconds)
    options = WrkOptions(connections=max(connections, threads), threads=threads, seconds=size.seconds)
    run = Run(server, options, size, console)
    try:
        results = asyncio.run(bench(run, choose_rows(rows), json))
    except CannotRun as error:
        print(f"bench: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    report.show(console, run, results)
    if not run.good:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
