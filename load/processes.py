"""Two web processes and two workers against one of each: here, and with the load generator elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from load import rates
from load.figures import Figure, Row, Trial, capacity_per_s, medians
from load.measuring import Run
from load.product import Product

ONE, TWO = "1 + 1", "2 + 2"
NO_SLOWER = 1.0


async def processes(run: Run) -> Row:
    """Joins and reservations with one web process and one worker, then with two of each."""
    joins: dict[str, list[Trial]] = {}
    reserves: dict[str, list[Trial]] = {}
    for name, count in ((ONE, 1), (TWO, 2)):
        async with run.product(web=count, workers=count) as product:
            joins[name] = [await _joins(run, product, number) for number in range(run.size.trials)]
            reserves[name] = [
                await _reserves(run, product, number, name) for number in range(run.size.trials)
            ]
    figures = []
    for what, trials in (("joins", joins), ("reservations", reserves)):
        figures += _figures(what, trials)
    note = "generator elsewhere: computed from the CPU each request took, see docs/explanation/scale.md"
    return Row(name="processes", figures=figures, note=note)


async def _joins(run: Run, product: Product, number: int) -> Trial:
    trial, _ = await rates.join_trial(run, product, f"joins-{number}")
    return trial


async def _reserves(run: Run, product: Product, number: int, name: str) -> Trial:
    trial, verdict, _ = await rates.reserve_trial(run, product, f"reserve-{number}")
    run.verdicts[f"processes, {name}, {number + 1}"] = verdict
    return trial


def _figures(what: str, trials: dict[str, list[Trial]]) -> list[Figure]:
    """What one and two of each do, the gain, and what the CPU would be enough for without the generator."""
    per_s = {name: [it.per_s for it in some] for name, some in trials.items()}
    gain = [two / one if one else 0.0 for one, two in zip(per_s[ONE], per_s[TWO], strict=True)]
    return [
        Figure.of(f"{what}, {TWO} of {ONE}", gain, at_least=NO_SLOWER),
        *(Figure.of(f"{what} a second, {name}", some) for name, some in per_s.items()),
        *(
            Figure.of(f"{what}, {name}, generator elsewhere", [_capacity(some, count)])
            for count, (name, some) in enumerate(trials.items(), 1)
        ),
    ]


def _capacity(trials: Sequence[Trial], count: int) -> float:
    """See `figures.capacity_per_s`."""
    cpu_us = medians([it.cpu_us for it in trials])
    return capacity_per_s(cpu_us, {"web": count, "worker": count}, psutil.cpu_count() or 1)
