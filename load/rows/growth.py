"""Whether web and worker keep their size, from 50,000 joins and reservations to a million."""

from __future__ import annotations

from typing import Any

from app.core.model import RoomId
from app.store.keys import RoomKeys
from load.measure import crowd, prepared
from load.measure.crowd import Sale
from load.measure.figures import Figure, Row
from load.measure.trials import Run, measure, verdict_when_settled, wait_until_settled
from load.servers.product import Product

AT_ONCE = 50_000  # requests prepared for one run of the generator
ROLES = ("web", "worker")
STORES = ("valkey", "postgres")
FLAT = 1.2


async def memory(run: Run) -> Row:
    """Joins and reservations until there are a million of each, and the memory of web and worker on the
    way."""
    size = run.size
    promised: list[str] = []
    async with run.product() as product:
        room_id = await crowd.open_room(product, "growing", admission_rate_per_minute=0)
        sale = await crowd.open_sale(product, "selling")
        started = await _sizes(product)
        promised += await _grow(run, product, (room_id, sale), size.small)
        small = await _sizes(product)
        promised += await _grow(run, product, (room_id, sale), size.grown - size.small, len(promised))
        grown = await _sizes(product)
        joined = await product.stores.redis.zcard(RoomKeys(room_id).waiting)
        run.verdicts["memory"] = await verdict_when_settled(product, sale, promised)
    figures = [
        Figure.of(f"{role}, of what it was", [grown[role] / small[role]], at_most=FLAT) for role in ROLES
    ]
    for role in ROLES:
        for when, sizes in (("the start", started), (f"{size.small:,}", small), (f"{size.grown:,}", grown)):
            figures.append(Figure.of(f"{role} after {when}, MB", [sizes[role] / 1e6]))
    for store in STORES:
        each = (grown[store] - small[store]) / (size.grown - size.small)
        figures.append(Figure.of(f"{store}, bytes for a join, a session and a reservation", [each]))
    note = f"{joined:,} joined, {len(promised):,} reserved"
    return Row(name="memory", figures=figures, note=note)


async def _sizes(product: Product) -> dict[str, int]:
    """Bytes: resident memory of web and worker, memory used by Valkey, and size on disk of Postgres."""
    client: Any = product.stores.redis  # redis-py types these for its sync and async clients at once
    return {
        **{role: product.memory(role) for role in ROLES},
        "valkey": (await client.info("memory"))["used_memory"],
        "postgres": await product.stores.postgres.fetchval("SELECT pg_database_size(current_database())"),
    }


async def _grow(
    run: Run, product: Product, where: tuple[RoomId, Sale], count: int, before: int = 0
) -> list[str]:
    """Add this many joins and reservations; return the reservations that were promised."""
    (room_id, sale), promised = where, []
    for first in range(0, count, AT_ONCE):
        some = min(AT_ONCE, count - first)
        await crowd.waiting(product, room_id, some, run.options)
        tokens = await prepared.inside(product, sale, some)
        requests = crowd.reservations(sale, tokens, first=before + first)
        _, answered = await measure(product, requests, crowd.unhurried(run.options), 201)
        promised += answered
        await wait_until_settled(product, sale.room_id)
    return promised
