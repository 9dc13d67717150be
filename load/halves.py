"""What is measured: first the waiting room, then reservations. Each half ends with a verdict on its rooms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import replace

import msgspec

from app.store.keys import RoomKeys
from load import crowd, reference
from load.crowd import Sale
from load.product import Product
from load.rows import Aim, Reference, Row, admissions, measure
from load.verdict import Admitted, Verdict, judge, over_admitted, read_books
from load.wrk import How

FROM_MEMORY = "status document"  # how fast this machine, this server and our lane are without a store
RATE = 6_000  # admissions a minute in the rooms that are joined: the controller has its work to do meanwhile
PLACES = 20_000  # visitors who ask for their exact place
JOINS_PER_S_MAX = 40_000  # requests prepared for each second of the throttled row
BUYERS_PER_S_MAX = 12_000  # visitors prepared for each second of the reservation row
TICKETS = 10_000_000  # of each type, where they are not to run out
LAST_TICKETS = 1_000  # of each type, for ten times as many buyers
SETTLED_TIMEOUT_S = 30.0
ROWS_PER_BATCH = """
    SELECT count(*)::float / greatest(1, count(DISTINCT created_at)) FROM reservations WHERE event_id = $1
"""


class Outcome(msgspec.Struct):
    """What was found so far."""

    rows: list[Row] = []
    verdicts: dict[str, Verdict] = {}

    @property
    def good(self) -> bool:
        """Nothing was oversold, lost, stranded or over-admitted."""
        return all(verdict.good for verdict in self.verdicts.values())


async def waiting_room(product: Product, how: How, outcome: Outcome) -> None:
    """Joins, exact places and the status document, in a room that calls people all the while."""
    room_id = await crowd.open_room(product, "rush", admission_rate_per_minute=RATE, active_visitors_max=None)
    async with admissions(product.stores, room_id, RATE) as moments:
        joined, _ = await measure(product, Aim("joins", 15_000, (201,)), crowd.joins(room_id), how)
        outcome.rows.append(await _beside_script(product, joined, how))
        place_tokens = await crowd.waiting(product, room_id, PLACES, how)
        for name, requests in (
            ("exact place", crowd.places(room_id, place_tokens)),
            (FROM_MEMORY, crowd.statuses(room_id)),
        ):
            row, _ = await measure(product, Aim(name, 0, (200,)), requests, how)
            outcome.rows.append(row)
    outcome.verdicts["joins"] = _admission(moments)


async def throttled_joins(product: Product, how: How, outcome: Outcome) -> None:
    """Joins from many addresses, each of them throttled. The product runs with rate limits on."""
    room_id = await crowd.open_room(
        product, "throttled", admission_rate_per_minute=RATE, active_visitors_max=None
    )
    requests = crowd.joins_by_address(room_id, JOINS_PER_S_MAX * how.seconds)
    async with admissions(product.stores, room_id, RATE) as moments:
        aim = Aim("joins, throttled by address", 15_000, (201,))
        row, _ = await measure(product, aim, requests, how)
    outcome.rows.append(row)
    outcome.verdicts["throttled joins"] = _admission(moments)


async def reservations(product: Product, how: How, outcome: Outcome) -> None:
    """Durable reservations: as fast as they go, then half as many by the clock, then the last tickets."""
    sale = await crowd.open_sale(product, "plenty", TICKETS)
    tokens = await crowd.inside(product, sale, BUYERS_PER_S_MAX * how.seconds, how)
    requests = crowd.reservations(sale, tokens)
    fast, promised = await measure(product, Aim("durable reservations", 6_000, (201,)), requests, how)
    outcome.rows.append(await _beside_insert(product, sale, fast, how))

    rate = max(how.threads, round(fast.per_s / 2))
    tokens = await crowd.inside(product, sale, rate * how.seconds, how)
    requests = crowd.reservations(sale, tokens)
    aim = Aim(f"the same, paced at {rate}/s", 0, (201,))
    paced, more = await measure(product, aim, requests, replace(how, rate=rate))
    outcome.rows.append(paced)
    outcome.verdicts["reservations"] = await _judged(product, sale, [*promised, *more])

    scarce = await crowd.open_sale(product, "scarce", LAST_TICKETS)
    tokens = await crowd.inside(product, scarce, LAST_TICKETS * len(crowd.TICKET_TYPES) * 10, how)
    requests = crowd.reservations(scarce, tokens)
    last, promised = await measure(product, Aim("the last 3,000 tickets", 0, (201, 409)), requests, how)
    outcome.rows.append(last)
    outcome.verdicts["the last tickets"] = await _judged(product, scarce, promised)


def _admission(moments: Collection[Admitted]) -> Verdict:
    return Verdict(over_admitted=list(over_admitted(moments, burst=RATE / 60)))


async def _beside_script(product: Product, row: Row, how: How) -> Row:
    """The row with its reference: the script alone, in a room like it."""
    batch = max(1, round(row.batch))
    room_id = await crowd.open_room(
        product, "alone", admission_rate_per_minute=RATE, active_visitors_max=None
    )
    per_s = await reference.joins_per_s(product.stores, room_id, batch, how.seconds)
    return msgspec.structs.replace(row, reference=Reference("join.lua", batch, per_s))


async def _beside_insert(product: Product, sale: Sale, row: Row, how: How) -> Row:
    """The row with its reference: inserts alone. The holds of one batch have the same `created_at`."""
    found = await product.stores.postgres.fetchval(ROWS_PER_BATCH, sale.event_id)
    batch = max(1, round(found))
    alone = await crowd.open_sale(product, "alone-sale", TICKETS)
    per_s = await reference.inserts_per_s(product.stores, alone.event_id, batch, how.seconds)
    return msgspec.structs.replace(row, reference=Reference("INSERT", batch, per_s))


async def _judged(product: Product, sale: Sale, promised: Collection[str]) -> Verdict:
    """The verdict on a sale, as soon as everything submitted is settled."""
    deadline = time.monotonic() + SETTLED_TIMEOUT_S
    while await product.stores.redis.xlen(RoomKeys(sale.room_id).submissions):
        if time.monotonic() > deadline:
            break  # the verdict names what never settled
        await asyncio.sleep(0.1)
    return judge(await read_books(product.stores, sale.room_id, sale.event_id, promised))
