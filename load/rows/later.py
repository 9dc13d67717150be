"""Whether a reservation costs the same after a million of them: a sale with a million beside a fresh one.

Not at every moment: a hash or a set of Valkey doubles its table when it has 7 x 2^n fields, and then some 2^n
changes each move a part of it. At 917,504 reservations this happens to all the tables that a reservation
writes at once. The row measures after that; docs/explanation/performance.md says what it costs.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.reservations.holds import keys_of
from app.store.scripts import stock
from app.store.scripts.stock import Submission
from load.measure import crowd, prepared
from load.measure.crowd import Sale
from load.measure.figures import GENERATOR, Figure, Row, Trial
from load.measure.trials import Run, measure, verdict_when_settled, wait_until_settled
from load.servers.product import NotStarted, Product

AT_ONCE = 5_000  # submissions before waiting for the worker to write them
FINGERPRINT = "0" * 22
SLOWER = 1.1


async def later(run: Run) -> Row:
    """Reservations after a million of them against a fresh installation: CPU and rate, in turn."""
    trials: dict[str, list[Trial]] = {"fresh": [], "later": []}
    promised: dict[str, list[str]] = {"fresh": [], "later": []}
    async with run.product() as fresh, run.product() as grown:
        products = {"fresh": fresh, "later": grown}
        sales = {name: await crowd.open_sale(it, name) for name, it in products.items()}
        await _reserve(grown, sales["later"], run.size.reserved)
        await grown.stores.postgres.execute("VACUUM (ANALYZE)")  # as autovacuum does in a longer sale
        for number in range(run.size.trials):
            for name in list(products)[:: -1 if number % 2 else 1]:
                trial, some = await _trial(run, products[name], sales[name], len(promised[name]))
                trials[name].append(trial)
                promised[name] += some
        for name, product in products.items():
            run.verdicts[f"later, {name}"] = await verdict_when_settled(product, sales[name], promised[name])
    note = f"{run.size.reserved:,} reservations before"
    return Row(name="later", figures=figures_of(trials["fresh"], trials["later"]), note=note)


async def _reserve(product: Product, sale: Sale, count: int) -> None:
    """Make this many reservations by as many visitors, as HTTP would: decided by the submit script, written
    by the worker."""
    redis, keys, types = product.stores.redis, keys_of(sale.room_id), crowd.TICKET_TYPES
    for first in range(0, count, AT_ONCE):
        for places in await prepared.called_in(product, sale, min(AT_ONCE, count - first)):
            submissions = [
                Submission(
                    reservation_id=it.visitor_id[::-1],
                    visitor_id=it.visitor_id,
                    session_ms=it.session_expires_at_ms,
                    fingerprint=FINGERPRINT,
                    instance="",
                    items=f"{types[number % len(types)]}:{1 + number % 2}",
                )
                for number, it in enumerate(places)
            ]
            answers = await stock.submit(
                redis, keys, submissions, event_id=sale.event_id, backlog_max=2 * AT_ONCE
            )
            if refused := {it.word for it in answers} - {"queued"}:
                raise NotStarted(f"reservations were refused while the sale was prepared: {sorted(refused)}")
        await wait_until_settled(product, sale.room_id)


async def _trial(run: Run, product: Product, sale: Sale, first: int) -> tuple[Trial, list[str]]:
    tokens = await prepared.inside(product, sale, run.size.buyers_per_s_max * run.size.seconds)
    requests = crowd.reservations(sale, tokens, first=first)
    trial = await measure(product, requests, run.options, 201)
    await wait_until_settled(product, sale.room_id)
    return trial


def figures_of(fresh: Sequence[Trial], later: Sequence[Trial]) -> list[Figure]:
    """How much more a reservation costs later, trial by trial, and its cost in each process."""
    pairs = list(zip(fresh, later, strict=True))
    dearer = [_cpu_us(after) / max(0.001, _cpu_us(before)) for before, after in pairs]
    slower = [before.per_s / after.per_s if after.per_s else 0.0 for before, after in pairs]
    figures = [
        Figure.of("CPU, later of fresh", dearer, at_most=SLOWER),
        Figure.of("slower by", slower, at_most=SLOWER),
    ]
    for name, trials in (("fresh", fresh), ("later", later)):
        figures.append(Figure.of(f"reservations a second, {name}", [it.per_s for it in trials]))
        figures += [
            Figure.of(f"{role}, us, {name}", [it.cpu_us[role] for it in trials])
            for role in trials[0].cpu_us
            if role != GENERATOR
        ]
        figures.append(Figure.of(f"WAL, bytes, {name}", [it.wal_each for it in trials]))
    return figures


def _cpu_us(trial: Trial) -> float:
    return sum(us for name, us in trial.cpu_us.items() if name != GENERATOR)
