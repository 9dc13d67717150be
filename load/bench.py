"""The benchmark: starts the product from nothing, measures it from outside, has its stores judged afterwards.

`make bench`, or `python -m load.bench [--server NAME] [--seconds N] [--connections N] [--json FILE]`. How it
measures, and what came out, is in docs/performance.md. Exit code 1 when the verdict is not good.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from app.core.errors import CannotRun
from app.listening import ServerName
from load import halves, report
from load.halves import Outcome
from load.product import data_folder, running
from load.wrk import How, program

TRUSTED = "127.0.0.1/32"  # wrk speaks for many client addresses, as a proxy does


async def bench(server: ServerName, how: How, console: Console) -> tuple[report.Conditions, Outcome]:
    """All rows, on two installations: without request throttles, and with them."""
    program()
    outcome = Outcome()
    with data_folder() as data:
        console.print(f"starting fairgate ({server}) in {data}")
        async with running(data, server, FAIRGATE_RATE_LIMITS="off") as product:
            under = await report.conditions(product.stores, server, how)
            await halves.waiting_room(product, how, outcome)
            await halves.reservations(product, how, outcome)
    with data_folder() as data:
        console.print(f"starting fairgate ({server}) with throttles in {data}")
        async with running(data, server, FAIRGATE_TRUSTED_PROXIES=TRUSTED) as product:
            await halves.throttled_joins(product, how, outcome)
    return under, outcome


def main(
    server: Annotated[Literal["granian", "hypercorn"], typer.Option(help="What serves HTTP.")] = "granian",
    seconds: Annotated[int, typer.Option(min=1, max=60, help="Length of each row.")] = 10,
    connections: Annotated[int, typer.Option(min=1, max=1000, help="Open connections.")] = 64,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of wrk.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file, too.")] = None,
) -> None:
    """Measure joins, places, status documents and durable reservations on this machine."""
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH, highlight=False)
    how = How(connections=max(connections, threads), threads=threads, seconds=seconds)
    try:
        under, outcome = asyncio.run(bench(server, how, console))
    except CannotRun as error:
        print(f"bench: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    report.show(console, under, outcome)
    if json is not None:
        report.write(json, under, outcome)
    if not outcome.good:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
