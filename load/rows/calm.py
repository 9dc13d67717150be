"""The row of a quiet hour: how long one request takes with hardly any other traffic.

Open loop, one request at a time on a few connections, so that no batch is larger than one. The COMMIT's part
of a reservation is measured in turn with it, since it depends on this machine's disk rather than on us.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from statistics import median

from load.measure import crowd
from load.measure.figures import Figure, Row, Trial
from load.measure.trials import Run, measure, verdict_when_settled
from load.measure.wrk import Requests, WrkOptions
from load.rows.arriving import BROWSER
from load.servers.product import Product

RATE = 50  # requests per second
CONNECTIONS = 4
RESERVE_MS = 2.0  # the maximum of a reservation without its COMMIT: 4 ms in total if that takes 2
COMMIT = "SELECT pg_logical_emit_message(true, 'fairgate benchmark', 'x')"  # writes WAL and nothing else


async def calm(run: Run) -> Row:
    """50 requests per second: reservations, joins, claims and the queue page, each alone."""
    options = replace(run.options, rate=RATE, connections=CONNECTIONS, threads=1)
    trials_by_row: dict[str, list[Trial]] = {}
    commits: list[float] = []
    async with run.product() as product:
        for number in range(run.size.trials):
            for what, trial in (await _trials(run, product, options, f"calm-{number}")).items():
                trials_by_row.setdefault(what, []).append(trial)
            commits.append(await commit_ms(product, RATE * options.seconds))
    beyond = [it.p50_ms - commit for it, commit in zip(trials_by_row["reserve"], commits, strict=True)]
    figures = [
        Figure.of("reserve, p50 ms beside COMMIT", beyond, at_most=RESERVE_MS),
        Figure.of("COMMIT, p50 in ms", commits),
    ]
    for what, trials in trials_by_row.items():
        figures.append(Figure.of(f"{what}, p50 in ms", [it.p50_ms for it in trials]))
        figures.append(Figure.of(f"{what}, p99 in ms", [it.p99_ms for it in trials]))
    return Row(name="calm", figures=figures)


async def _trials(run: Run, product: Product, options: WrkOptions, name: str) -> dict[str, Trial]:
    """Run one trial of each; every promised reservation is looked for in Postgres."""
    count = RATE * options.seconds
    sale = await crowd.open_sale(product, name)
    page = Requests("GET", f"/rooms/{sale.room_id}", BROWSER)
    place_tokens = await crowd.join_until_called(product, sale, count, run.options)
    found = {}
    found["join"], _ = await measure(product, crowd.joins(sale.room_id, count), options, 201)
    found["claim"], tokens = await measure(product, crowd.claims(sale.room_id, place_tokens), options, 201)
    found["reserve"], promised = await measure(product, crowd.reservations(sale, tokens), options, 201)
    found["page"], _ = await measure(product, page, options, 200)
    run.verdicts[name] = await verdict_when_settled(product, sale, promised)
    return found


async def commit_ms(product: Product, count: int) -> float:
    """Return the median time of `count` nearly empty COMMITs at the same pace.

    The pace matters: a disk and a core that have just been busy respond faster than after a pause.
    """
    took = []
    async with product.stores.postgres.acquire() as connection:
        for _ in range(count):
            await asyncio.sleep(1 / RATE)
            began = time.perf_counter()
            await connection.execute(COMMIT)
            took.append(1000 * (time.perf_counter() - began))
    return median(took)
