"""Two web processes and two workers against one of each: on this machine, and with the load generator
elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from load.measure.figures import Figure, Row, Trial, capacity_per_s, medians
from load.measure.trials import Run
from load.rows import rates
from load.servers.product import Product

ONE, TWO = "1 + 1", "2 + 2"
LEAST = 0.95  # of the rate of one each: two may cost a little if there are no cores for them


async def processes(run: Run) -> Row:
    """Joins and reservations with one web process and one worker, and with two of each, in turn."""
    joins: dict[str, list[Trial]] = {ONE: [], TWO: []}
    reserves: dict[str, list[Trial]] = {ONE: [], TWO: []}
    async with run.product() as single, run.product(web=2, workers=2) as two:
        products = {ONE: single, TWO: two}
        for number in range(run.size.trials):
            for name in list(products)[:: -1 if number % 2 else 1]:
                joins[name].append(await _joins(run, products[name], number))
                reserves[name].append(await _reserves(run, products[name], number, name))
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
    """The rates with one and two of each, the gain, and what the CPU would suffice for without the
    generator."""
    per_s = {name: [it.per_s for it in some] for name, some in trials.items()}
    gain = [two / one if one else 0.0 for one, two in zip(per_s[ONE], per_s[TWO], strict=True)]
    return [
        Figure.of(f"{what}, {TWO} of {ONE}", gain, at_least=LEAST),
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
