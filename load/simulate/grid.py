"""The sales on which the wait estimate is tuned and judged: changing rates, pauses, no-shows, kinds of
arrival.

python -m load.simulate.grid [--json FILE]    plays all of them and prints how well shown waits came true
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from load.simulate.figures import Figures, calibration
from load.simulate.room import own_valkey
from load.simulate.run import play
from load.simulate.scenario import Arrivals, Scenario
from load.simulate.shown_waits import SampledFan
from load.simulate.table import share

NO_SHOWS = (0.0, 0.15, 0.3, 0.45, 0.6)
ARRIVALS: tuple[Arrivals, ...] = get_args(Arrivals)
RATE = 300
LASTS_S = 1_200


class Trouble(NamedTuple):
    """What staff do: rates are multiples of the first one, times are shares of the queue's duration."""

    rates: tuple[tuple[float, float], ...] = ()
    pauses: tuple[tuple[float, float], ...] = ()


TROUBLES = {
    "nothing": Trouble(),
    "rate x 1.5": Trouble(rates=((0.3, 1.5),)),
    "rate x 2": Trouble(rates=((0.4, 2.0),)),
    "rate x 2/3": Trouble(rates=((0.4, 0.667),)),
    "rate x 1/2": Trouble(rates=((0.5, 0.5),)),
    "rate up and down": Trouble(rates=((0.2, 1.5), (0.4, 0.75), (0.6, 1.25))),
    "a short pause": Trouble(pauses=((0.4, 0.45),)),
    "a long pause": Trouble(pauses=((0.3, 0.45),)),
    "two pauses": Trouble(pauses=((0.2, 0.24), (0.5, 0.58))),
    "rate and pause": Trouble(rates=((0.25, 1.5), (0.7, 1.0)), pauses=((0.4, 0.48),)),
}


class PlayedSale(NamedTuple):
    """One played sale of the grid."""

    trouble: str
    figures: Figures
    sampled_fans: list[SampledFan]


def scenario(
    trouble: str,
    no_show: float,
    arrivals: Arrivals,
    *,
    rate: int = RATE,
    lasts_s: int = LASTS_S,
    sample: int = 150,
) -> Scenario:
    """One sale of the grid, or a smaller copy of it.

    The number of fans is such that it lasts as long with no-shows as without: ten claim windows.
    """
    chosen = TROUBLES[trouble]
    return Scenario(
        fans=round(rate * lasts_s / 60 / (1 - no_show)),
        rates=((0, rate), *((round(at * lasts_s), round(times * rate)) for at, times in chosen.rates)),
        pauses=tuple((round(since * lasts_s), round(until * lasts_s)) for since, until in chosen.pauses),
        no_show=no_show,
        claim_window_s=lasts_s // 10,
        arrivals=arrivals,
        sample=sample,
    )


def whole_grid() -> list[tuple[str, Scenario]]:
    """Every trouble with every share of no-shows; the kinds of arrival alternate."""
    ways = cycle(ARRIVALS)
    return [(trouble, scenario(trouble, no_show, next(ways))) for trouble in TROUBLES for no_show in NO_SHOWS]


async def play_all(
    scenarios: Iterable[tuple[str, Scenario]], tell: Callable[[PlayedSale], None] = lambda played: None
) -> list[PlayedSale]:
    """Play them one after the other on one Valkey of our own."""
    done = []
    async with own_valkey() as redis:
        for trouble, it in scenarios:
            await redis.flushall()
            outcome = await play(redis, it)
            done.append(PlayedSale(trouble, outcome.figures, outcome.sampled_fans))
            tell(done[-1])
    return done


def summary(played: Sequence[PlayedSale]) -> dict[str, dict[str, float | None]]:
    """How well the waits came true, by share of no-shows, by trouble, by arrivals, and overall."""
    groups: dict[str, list[SampledFan]] = {}
    for sale in played:
        scenario = sale.figures.scenario
        names = (f"{scenario.no_show:.0%} no-shows", sale.trouble, f"{scenario.arrivals} arrivals", "all")
        for name in names:
            groups.setdefault(name, []).extend(sale.sampled_fans)
    order = (
        [f"{it:.0%} no-shows" for it in NO_SHOWS]
        + [*TROUBLES]
        + [f"{it} arrivals" for it in ARRIVALS]
        + ["all"]
    )
    return {name: msgspec.structs.asdict(calibration(groups[name])) for name in order if name in groups}


def show(console: Console, rows: dict[str, dict[str, float | None]]) -> None:
    """Print the summary as a table."""
    table = Table(
        "sales with", "fans", "p90 held", "at joining", "within", "below p50", "width", "rises", "unexplained"
    )
    for name, it in rows.items():
        shares = [
            share(it[key])
            for key in ("p90_held", "p90_held_at_joining", "inside", "below_p50", "range_width")
        ]
        table.add_row(name, f"{it['fans']:,}", *shares, f"{it['rises']:,}", f"{it['unexplained_rises']:,}")
    console.print(table)


def main() -> None:
    """Play the grid."""
    console = Console()
    with console.status("playing") as status:
        scenarios = whole_grid()
        count = iter(range(1, len(scenarios) + 1))
        played = uvloop.run(
            play_all(scenarios, lambda it: status.update(f"{next(count)} of {len(scenarios)} played"))
        )
    found = summary(played)
    show(console, found)
    if "--json" in sys.argv:
        target = Path(sys.argv[sys.argv.index("--json") + 1])
        target.write_bytes(msgspec.json.encode(found))
    if "--looks" in sys.argv:
        target = Path(sys.argv[sys.argv.index("--looks") + 1])
        target.write_bytes(
            msgspec.json.encode([(it.trouble, it.figures.scenario, it.sampled_fans) for it in played])
        )


if __name__ == "__main__":
    main()
