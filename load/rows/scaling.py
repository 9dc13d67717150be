"""The cost of a request with one, two and four web processes under equal load each: it should be the same.

Requests arrive on a schedule, at the same rate per web process, and few enough that no core is full: so the
CPU per request shows what processes cost each other, not how they compete. All installations run at once and
are measured in turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from load.measure import crowd, prepared
from load.measure.figures import GENERATOR, Figure, Row, Trial
from load.measure.trials import Run, measure, verdict_when_settled
from load.measure.wrk import WrkOptions
from load.rows.rates import RATE
from load.servers.product import Product

WEBS = (1, 2, 4)
CONNECTIONS = 16  # per web process
PER_S = {"joins": 1_000, "places": 1_500, "reservations": 500}  # per web process
FLAT = 1.15
Ask = Callable[[Run, Product, str, int], Awaitable[Trial]]


async def scaling(run: Run) -> Row:
    """The CPU of joins, places and reservations with 1, 2 and 4 web processes under equal load each."""
    spent: dict[str, dict[int, list[Trial]]] = {what: {count: [] for count in WEBS} for what in PER_S}
    async with AsyncExitStack() as opened:
        products = {it: await opened.enter_async_context(run.product(web=it)) for it in WEBS}
        for number in range(run.size.trials):
            for what, call in CALLS.items():
                for count in WEBS[:: -1 if number % 2 else 1]:
                    paced = replace(run, options=_options(run, what, count))
                    requests = PER_S[what] * count * run.size.seconds
                    trial = await call(paced, products[count], f"{what}-{number}", requests)
                    spent[what][count].append(trial)
    figures = [figure for what, trials in spent.items() for figure in figures_of(what, trials)]
    each = ", ".join(f"{per_s} {what}" for what, per_s in PER_S.items())
    note = f"on a schedule, per second and web process: {each}; one worker"
    return Row(name="scaling", figures=figures, note=note)


def _options(run: Run, what: str, count: int) -> WrkOptions:
    return replace(run.options, connections=CONNECTIONS * count, threads=1, rate=PER_S[what] * count)


async def _joins(run: Run, product: Product, name: str, count: int) -> Trial:
    room_id = await crowd.open_room(product, name, admission_rate_per_minute=RATE, active_visitors_max=None)
    return (await measure(product, crowd.joins(room_id, count), run.options, 201))[0]


async def _places(run: Run, product: Product, name: str, count: int) -> Trial:
    room_id = await crowd.open_room(product, name, admission_rate_per_minute=0)
    visitors = await prepared.fill(product, room_id, min(count, run.size.places))
    requests = crowd.places(room_id, await prepared.place_tokens(product, room_id, visitors))
    return (await measure(product, requests, run.options, 200))[0]


async def _reservations(run: Run, product: Product, name: str, count: int) -> Trial:
    sale = await crowd.open_sale(product, name)
    requests = crowd.reservations(sale, await prepared.inside(product, sale, count))
    trial, promised = await measure(product, requests, run.options, 201)
    run.verdicts[f"scaling, {name}, {run.options.connections // CONNECTIONS}"] = await verdict_when_settled(
        product, sale, promised
    )
    return trial


CALLS: Mapping[str, Ask] = {"joins": _joins, "places": _places, "reservations": _reservations}


def figures_of(what: str, trials: Mapping[int, Sequence[Trial]]) -> list[Figure]:
    """How much more a request costs with the most web processes than with the fewest, and its cost."""
    few, many = trials[WEBS[0]], trials[WEBS[-1]]
    against = f"{WEBS[-1]} : {WEBS[0]}"
    figures = [
        Figure.of(f"{what}, web, {against}", _ratios(few, many, ("web",)), at_most=FLAT),
        Figure.of(f"{what}, all CPU, {against}", _ratios(few, many, tuple(_roles(few)))),
    ]
    for role in _roles(few):
        for count, some in trials.items():
            figures.append(Figure.of(f"{what}, {count} web: {role}, us", [it.cpu_us[role] for it in some]))
    return figures


def _roles(trials: Sequence[Trial]) -> list[str]:
    return [name for name in trials[0].cpu_us if name != GENERATOR]


def _ratios(few: Sequence[Trial], many: Sequence[Trial], roles: Sequence[str]) -> list[float]:
    """Ratios trial by trial, because the speed of the machine varies."""
    pairs = zip(few, many, strict=True)
    return [_cost(more, roles) / max(0.001, _cost(one, roles)) for one, more in pairs]


def _cost(trial: Trial, roles: Sequence[str]) -> float:
    return sum(trial.cpu_us[name] for name in roles)
