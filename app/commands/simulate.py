"""simulate: a sale in simulated time; the autopilot on a simulated shop; a farm of bots."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer
import uvloop
from rich.console import Console

from app.commands.command_settings import CommandFailed
from app.core.autopilot_settings import Autopilot

if TYPE_CHECKING:
    from load.simulate.scenario import Scenario

Fans = Annotated[int, typer.Option(min=1, max=10_000_000, help="Number of fans.")]
Rate = Annotated[str, typer.Option(help="Admitted per minute; 600@0,1200@300 changes it at those seconds.")]
Pause = Annotated[
    str, typer.Option(help="Pauses, in seconds after the opening, e.g. 120-180; comma-separated.")
]
NoShow = Annotated[float, typer.Option(min=0, max=1, help="The share of called fans who do not come.")]
Arrivals = Annotated[
    Literal["rush", "steady", "burst"], typer.Option(help="How they arrive, over half of the duration.")
]
Method = Annotated[Literal["fifo", "lottery"], typer.Option(help="The queueing method.")]
ActiveMax = Annotated[int, typer.Option(min=0, max=10_000_000, help="Maximum inside at once; 0: no limit.")]
Inside = Annotated[int, typer.Option(min=1, max=600, help="Seconds a fan stays inside, on average.")]
Lanes = Annotated[
    str, typer.Option(help="Lanes: shares of the calls in percent and of the fans, e.g. 30:0.1,10:0.02.")
]
Window = Annotated[int, typer.Option(min=2, max=86_400, help="Claim window in seconds.")]
Sample = Annotated[int, typer.Option(min=1, max=10_000, help="Fans whose shown waits are evaluated.")]
Svg = Annotated[Path | None, typer.Option("--svg", help="Write a chart of the run to this file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
Origin = Annotated[
    bool, typer.Option("--origin", help="Test the autopilot on a shop that saturates, recovers, oscillates.")
]
Bots = Annotated[bool, typer.Option("--bots", help="Test each rule against a farm of 1,000 addresses.")]
Capacity = Annotated[int, typer.Option(min=20, max=1_000_000, help="With --origin: visitors a minute.")]


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
    lanes: Lanes = "",
    claim_window: Window = 120,
    seed: int = 1,
    sample: Sample = 1_000,
    svg: Svg = None,
    origin: Origin = False,
    capacity: Capacity = 1_200,
    bots: Bots = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a sale on the real admission scripts, much faster than real time, on its own Valkey."""
    from load.simulate import scenario

    if origin:
        return _fly(scenario.read_rates(rate)[0][1], capacity, seed, as_json)
    if bots:
        return _contest(fans, method, seed, as_json)
    chosen = scenario.Scenario(
        **scenario.read(rate, pause, lanes),
        fans=fans,
        no_show=no_show,
        arrivals=arrivals,
        method=method,
        seed=seed,
        active_max=active_max or None,
        inside_s=inside,
        claim_window_s=claim_window,
        sample=sample,
    )
    _play(scenario.check(chosen), svg, as_json)


def _play(chosen: Scenario, svg: Path | None, as_json: bool) -> None:
    from load.simulate import picture, run, table

    if svg is not None and not svg.parent.is_dir():
        raise CommandFailed(f"--svg: there is no folder {svg.parent}")
    began = time.monotonic()
    console = Console(stderr=True)
    with console.status("opening") as status:
        lines = partial(console.print, soft_wrap=True)
        tell, every_s = (status.update, 1.0) if console.is_terminal else (lines, 10.0)
        outcome = uvloop.run(run.simulate(chosen, tell, every_s))
    took_s = time.monotonic() - began
    if svg is not None:
        svg.write_text(picture.draw(outcome), encoding="utf-8")
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(outcome.figures)).decode())
    else:
        table.show(Console(width=max(table.WIDTH, Console().width)), outcome.figures, took_s)


def _contest(fans: int, method: Literal["fifo", "lottery"], seed: int, as_json: bool) -> None:
    """Play the sale against bot farms of each strength. Fails if a fan was delayed for longer than we
    promise."""
    from load.simulate import farm, farm_table, table

    chosen = farm.Farm(fans=fans, places=max(1, fans // 5), method=method, seed=seed)
    console = Console(stderr=True)
    with console.status("opening") as status:
        won = uvloop.run(farm.contests(chosen, status.update))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(won)).decode())
    else:
        farm_table.show(Console(width=max(table.WIDTH, Console().width)), chosen, won)
    if max(it.delay_most_s for it in won) > farm_table.MOST_S:
        raise CommandFailed(f"a fan was delayed by more than {farm_table.MOST_S:.0f} s, see above")


def _fly(rate: int, capacity: int, seed: int, as_json: bool) -> None:
    """Play the scenes of the autopilot. Fails if it performed badly in one of them."""
    from load.simulate import flight, flight_table, table

    on = Autopilot(floor=max(1, capacity // 20), ceiling=5 * capacity)
    start = min(max(rate, on.floor), on.ceiling)
    with Console(stderr=True).status("flying"):
        flown = uvloop.run(flight.fly_scenes(on, capacity=capacity, rate=start, seed=seed))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(flown)).decode())
    else:
        console = Console(width=max(table.WIDTH, Console().width))
        for it in flown:
            flight_table.show(console, it)
        flight_table.show_verdict(console, flown)
    if not all(change.good for it in flown for change in it.changes):
        raise CommandFailed("the autopilot was not good enough, see above")
