"""The rows of payments and reads per second: holds that turn into tickets, and owners who view theirs."""

from __future__ import annotations

from load.measure import crowd
from load.measure.crowd import Sale
from load.measure.figures import Row, row_of
from load.measure.trials import Run, measure, run_trials, verdict_when_settled, wait_until_settled
from load.measure.wrk import Requests, WrkOptions, send
from load.servers.product import Product

PAYMENT = '{"payment":{"method":"card","token":"tok_ok"}}'


async def confirms(run: Run) -> Row:
    """Holds are paid for, each by its own visitor with their own key; the gateway is simulated.

    The 200 comes after the payment, the tickets and the counters are committed.
    """
    async with run.product() as product:
        trials = []
        for number in range(run.size.trials):
            sale = await crowd.open_sale(product, f"confirms-{number}")
            requests = await _payments(product, sale, run.size.payers, run.options)
            trial, confirmed = await measure(product, requests, crowd.unhurried(run.options), 200)
            run.verdicts[f"confirms {number + 1}"] = await verdict_when_settled(product, sale, confirmed)
            trials.append(trial)
    return row_of("confirms", trials, note=f"{run.size.payers:,} holds per trial")


async def reads(run: Run) -> Row:
    """Owners read their reservations: the token is known, the rows come from Postgres."""
    async with run.product() as product:
        sale = await crowd.open_sale(product, "reads")
        paying = await _payments(product, sale, run.size.payers, run.options)
        path, headers = "/v1/reservations/{3}", {"Authorization": "Bearer {1}"}
        requests = Requests("GET", path, headers, lines=paying.lines, again=True)
        trials = await run_trials(run, product, requests, 200)
    return row_of("reads", trials, note=f"{run.size.payers:,} holds")


async def _payments(product: Product, sale: Sale, count: int, options: WrkOptions) -> Requests:
    """Let visitors reserve; return the requests with which they pay."""
    tokens = await crowd.inside(product, sale, count, options)
    await send(product.url, crowd.reservations(sale, tokens), crowd.unhurried(options))
    await wait_until_settled(product, sale.room_id)
    held = "SELECT visitor_id, reservation_id FROM reservations WHERE event_id = $1"
    held_by = {row[0]: row[1] for row in await product.stores.postgres.fetch(held, sale.event_id)}
    lines = [(token, f"pay-{n}", held_by[crowd.visitor_of(token)]) for n, token in enumerate(tokens)]
    headers = {"Authorization": "Bearer {1}", "Idempotency-Key": "{2}"}
    path = "/v1/reservations/{3}/confirm"
    return Requests("POST", path, headers, PAYMENT, lines, capture=crowd.RESERVATION_ID)
