"""simulate: a sale in pinned time, before it is held."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer
import uvloop
from rich.console import Console

from app.commands.settled import CommandFailed

if TYPE_CHECKING:
    from load.simulate.run import Outcome
    from load.simulate.scenario import Scenario

Fans = Annotated[int, typer.Option(min=1, max=10_000_000, help="Number of fans.")]
Rate = Annotated[str, typer.Option(help="Admitted per minute; 600@0,1200@300 changes it at those seconds.")]
Pause = Annotated[
    str, typer.Option(help="Pauses, in seconds after the opening, e.g. 120-180; several with commas.")
]
NoShow = Annotated[float, typer.Option(min=0, max=1, help="The share of called fans who never come.")]
Arrivals = Annotated[
    Literal["rush", "steady", "burst"], typer.Option(help="How they come; by half of the time it takes.")
]
Method = Annotated[Literal["fifo", "lottery"], typer.Option(help="The queueing method.")]
ActiveMax = Annotated[int, typer.Option(min=0, max=10_000_000, help="Maximum inside at once; 0: no limit.")]
Inside = Annotated[int, typer.Option(min=1, max=600, help="Seconds a fan stays inside, on average.")]
Window = Annotated[int, typer.Option(min=2, max=86_400, help="Claim window in seconds.")]
Sample = Annotated[int, typer.Option(min=1, max=10_000, help="Fans whose shown waits are evaluated.")]
Svg = Annotated[Path | None, typer.Option("--svg", help="Write a chart of the run to this file.")]


def simulate(
    *,
    fans: Fans = 10_000,
    rate: Rate = "600",
    pause: Pause = "",
    no_show: NoShow = 0.0,
    arrivals: Arrivals = "rush",
    method: Method = "fifo",
    active_max: ActiveMax = 0,
    inside: Inside = 90,
    claim_window: Window = 120,
    seed: int = 1,
    sample: Sample = 1_000,
    svg: Svg = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Simulate a sale on the real admission scripts, much faster than real time, on its own Valkey."""
    from load.simulate import picture, scenario, table

    if svg is not None and not svg.parent.is_dir():
        raise CommandFailed(f"--svg: there is no folder {svg.parent}")
    chosen = scenario.Scenario(
        fans=fans,
        rates=scenario.read_rates(rate),
        pauses=scenario.read_pauses(pause),
        no_show=no_show,
        arrivals=arrivals,
        method=method,
        seed=seed,
        active_max=active_max or None,
        inside_s=inside,
        claim_window_s=claim_window,
        sample=sample,
    )
    outcome, took_s = _play(scenario.check(chosen))
    if svg is not None:
        svg.write_text(picture.draw(outcome), encoding="utf-8")
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(outcome.figures)).decode())
    else:
        table.show(Console(width=max(table.WIDTH, Console().width)), outcome.figures, took_s)


def _play(chosen: Scenario) -> tuple[Outcome, float]:
    """Simulate the scenario; the outcome, and how many seconds it took. Progress goes to standard error."""
    from load.simulate import run

    began = time.monotonic()
    progress = Console(stderr=True)
    with progress.status("opening") as status:
        lines = partial(progress.print, soft_wrap=True)
        tell, every_s = (status.update, 1.0) if progress.is_terminal else (lines, 10.0)
        outcome = uvloop.run(run.simulate(chosen, tell, every_s))
    return outcome, time.monotonic() - began
