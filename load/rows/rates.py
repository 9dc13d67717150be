"""The rows of requests per second: joins, exact places, status documents, durable reservations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from statistics import median

from load.judging.verdict import Verdict
from load.measure import crowd, prepared
from load.measure.crowd import Sale
from load.measure.figures import Reference, Row, Trial, row_of
from load.measure.trials import RoomWatch, Run, admissions, measure, run_trials, verdict_when_settled
from load.reference import stores as reference
from load.servers.product import Product

RATE = 6_000  # admissions per minute during joins, so that the controller is at work meanwhile
ROWS_PER_BATCH = """
    SELECT count(*)::float / greatest(1, count(DISTINCT xmin::text)) FROM reservations WHERE event_id = $1
"""
SESSIONS = "SELECT visitor_id FROM sessions WHERE room_id = $1"
Tokens = Callable[[Product, Sale, int], Awaitable[list[str]]]


async def joins(run: Run) -> Row:
    """New visitors, each join throttled by its client address, while the controller calls people."""
    async with run.product(throttled=True) as product:
        return await _joins(run, product, "joins", 25_000, by_address=True, p99_ms=20)


async def unthrottled(run: Run) -> Row:
    """The same without throttles: what they cost."""
    async with run.product() as product:
        return await _joins(run, product, "unthrottled", None)


async def hypercorn(run: Run) -> Row:
    """Joins on the default server, one web process."""
    async with run.product(server="hypercorn") as product:
        return await _joins(run, product, "hypercorn", 5_000)


async def hypercorn_two(run: Run) -> Row:
    """Joins on the default server, two web processes."""
    async with run.product(server="hypercorn", web=2) as product:
        return await _joins(run, product, "hypercorn-two", 5_000)


async def _joins(
    run: Run,
    product: Product,
    name: str,
    at_least: float | None,
    *,
    by_address: bool = False,
    p99_ms: float | None = None,
) -> Row:
    trials, alone = [], []
    for number in range(run.size.trials):
        trial, watched = await join_trial(run, product, f"{name}-{number}", by_address=by_address)
        run.verdicts[f"{name} {number + 1}"] = watched.verdict()
        trials.append(trial)
        room_id = await crowd.open_room(product, f"alone-{number}", admission_rate_per_minute=RATE)
        alone.append(await reference.joins_per_s(product.stores, room_id, _batch(trials), run.size.seconds))
    beside = Reference.of("join.lua", _batch(trials), [it.per_s for it in trials], alone)
    return row_of(name, trials, at_least=at_least, p99_ms=p99_ms, reference=beside)


async def join_trial(
    run: Run, product: Product, name: str, *, by_address: bool = False
) -> tuple[Trial, RoomWatch]:
    """Joins into a fresh room for the length of a trial, and how the room called people meanwhile."""
    settings = {"admission_rate_per_minute": RATE, "active_visitors_max": None}
    room_id = await crowd.open_room(product, name, **settings)
    requests = crowd.joins(room_id)
    if by_address:
        requests = crowd.joins_by_address(room_id, run.size.joins_per_s_max * run.size.seconds)
    async with admissions(product.stores, room_id, RATE) as watched:
        trial, _ = await measure(product, requests, run.options, 201)
    return trial, watched


async def places(run: Run) -> Row:
    """Exact places of visitors in one queue."""
    async with run.product() as product:
        room_id = await crowd.open_room(product, "places", admission_rate_per_minute=0)
        visitors = await prepared.fill(product, room_id, run.size.places)
        requests = crowd.places(room_id, await prepared.place_tokens(product, room_id, visitors))
        trials, alone = [], []
        for _ in range(run.size.trials):
            trials.append((await measure(product, requests, run.options, 200))[0])
            alone.append(
                await reference.places_per_s(
                    product.stores, room_id, visitors, _batch(trials), run.size.seconds
                )
            )
    beside = Reference.of("place.lua", _batch(trials), [it.per_s for it in trials], alone)
    return row_of("place", trials, at_least=25_000, reference=beside)


async def claims(run: Run) -> Row:
    """Called visitors fetch their booking tokens; the response comes once both stores have the session."""
    async with run.product() as product:
        trials = []
        for number in range(run.size.trials):
            sale = await crowd.open_sale(product, f"claims-{number}")
            place_tokens = await crowd.join_until_called(product, sale, run.size.claimers, run.options)
            requests = crowd.claims(sale.room_id, place_tokens)
            trial, tokens = await measure(product, requests, crowd.unhurried(run.options), 201)
            stored = await product.stores.postgres.fetch(SESSIONS, sale.room_id)
            missing = {crowd.visitor_of(it) for it in tokens}.difference(row[0] for row in stored)
            run.verdicts[f"claims {number + 1}"] = Verdict(lost=sorted(missing))
            trials.append(trial)
    return row_of("claims", trials, note=f"{run.size.claimers:,} visitors per trial")


async def statuses(run: Run) -> Row:
    """The shared document: the rate of this machine, this server and our lane without a store."""
    async with run.product() as product:
        room_id = await crowd.open_room(product, "statuses")
        trials = await run_trials(run, product, crowd.statuses(room_id), 200)
    return row_of("status", trials, at_least=25_000)


async def reservations(run: Run) -> Row:
    """Durable reservations by visitors who claimed at this web process: closed loop, as fast as possible."""
    return await _reservations(run, "reservations", 12_000, _claimed(run))


async def strangers(run: Run) -> Row:
    """The same by visitors who claimed elsewhere: this web process verifies each signature once."""
    return await _reservations(run, "strangers", None, prepared.inside)


async def paced(run: Run) -> Row:
    """The same on a schedule, open loop: latencies count from the moment each request was due."""
    rate = run.size.paced_per_s
    options = replace(run.options, rate=rate)
    async with run.product() as product:
        trials = []
        for number in range(run.size.trials):
            sale = await crowd.open_sale(product, f"paced-{number}")
            tokens = await _claimed(run)(product, sale, rate * run.size.seconds)
            trial, promised = await measure(product, crowd.reservations(sale, tokens), options, 201)
            run.verdicts[f"paced {number + 1}"] = await verdict_when_settled(product, sale, promised)
            trials.append(trial)
    return row_of("paced", trials, at_least=rate * 0.99, p99_ms=20, refused_percent=0.1)


async def last_tickets(run: Run) -> Row:
    """Ten buyers for each ticket: most are refused, none is oversold."""
    each = run.size.last_tickets
    async with run.product() as product:
        sale = await crowd.open_sale(product, "scarce", each)
        tokens = await prepared.inside(product, sale, each * len(crowd.TICKET_TYPES) * 10)
        requests = crowd.reservations(sale, tokens)
        trial, promised = await measure(product, requests, crowd.unhurried(run.options), 201, 409)
        run.verdicts["last"] = await verdict_when_settled(product, sale, promised)
    return row_of("last", [trial], note=f"{each * len(crowd.TICKET_TYPES):,} tickets; one trial")


async def _reservations(run: Run, name: str, at_least: float | None, tokens_of: Tokens) -> Row:
    async with run.product() as product:
        trials, alone, batches = [], [], []
        for number in range(run.size.trials):
            sale = f"{name}-{number}"
            trial, verdict, batch = await reserve_trial(run, product, sale, tokens_of)
            run.verdicts[f"{name} {number + 1}"] = verdict
            trials.append(trial)
            batches.append(batch)
            beside = await crowd.open_sale(product, f"alone-{number}")
            alone.append(
                await reference.inserts_per_s(product.stores, beside.event_id, batch, run.size.seconds)
            )
    inserts = Reference.of("INSERT", round(median(batches)), [it.per_s for it in trials], alone)
    return row_of(name, trials, at_least=at_least, p99_ms=50, refused_percent=0.1, reference=inserts)


async def reserve_trial(
    run: Run, product: Product, name: str, tokens_of: Tokens | None = None
) -> tuple[Trial, Verdict, int]:
    """Reservations in a fresh sale; returns also the verdict, and how many were committed at once.

    Those have the same transaction id, as long as nothing has changed them.
    """
    sale = await crowd.open_sale(product, name)
    count = run.size.buyers_per_s_max * run.size.seconds
    tokens = await (tokens_of or _claimed(run))(product, sale, count)
    requests = crowd.reservations(sale, tokens)
    trial, promised = await measure(product, requests, run.options, 201)
    verdict = await verdict_when_settled(product, sale, promised)
    per_batch = await product.stores.postgres.fetchval(ROWS_PER_BATCH, sale.event_id)
    return trial, verdict, max(1, round(per_batch))


def _claimed(run: Run) -> Tokens:
    async def by_http(product: Product, sale: Sale, count: int) -> list[str]:
        return await crowd.inside(product, sale, count, run.options)

    return by_http


def _batch(trials: list[Trial]) -> int:
    return max(1, round(trials[-1].batch))
