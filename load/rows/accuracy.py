"""Whether rooms call people at their rate: never more than rate x time + burst, and nearly all of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from app.core.model import RoomId
from load.measure import crowd, prepared
from load.measure.figures import Figure, Row
from load.measure.trials import RoomWatch, Run, admissions
from load.servers.product import Product

RATES = (10, 1_000, 10_000, 60_000)  # per minute; the last is 1,000 per second
WORKERS = (1, 4)
SPARE = 1.2  # the queue is longer than the number called meanwhile
ENOUGH_PERCENT = 99.5


async def accuracy(run: Run) -> Row:
    """Admissions in four rooms at once, at 10 to 60,000 per minute, with one worker and with four."""
    figures = []
    for workers in WORKERS:
        async with run.product(workers=workers) as product:
            for watched in await _watched(run, product):
                name = f"{watched.rate_per_minute:,} a minute, {workers} worker, % called"
                figures.append(Figure.of(name, [share_percent(watched)], at_least=ENOUGH_PERCENT))
                run.verdicts[f"accuracy, {watched.rate_per_minute:,} a minute x {workers}"] = (
                    watched.verdict()
                )
    note = f"{run.size.watched_s} s each, counted from the burst at the opening"
    return Row(name="accuracy", figures=figures, note=note)


def share_percent(watched: RoomWatch) -> float:
    """Return the percentage called of the people who came due since the burst, counted in whole people; 0 if
    nobody was called."""
    called = [it for it in watched.moments if it.admitted]
    if not called:
        return 0.0
    due = int(called[-1].earned - called[0].earned)
    return 100 * (called[-1].admitted - called[0].admitted) / due if due else 100.0


async def _watched(run: Run, product: Product) -> list[RoomWatch]:
    rooms = [await _paused(run, product, rate) for rate in RATES]
    async with AsyncExitStack() as stack:
        watching = [
            await stack.enter_async_context(admissions(product.stores, room_id, rate))
            for room_id, rate in zip(rooms, RATES, strict=True)
        ]
        for room_id in rooms:
            await product.post(f"/v1/rooms/{room_id}/resume")
        await asyncio.sleep(run.size.watched_s)
    return watching


async def _paused(run: Run, product: Product, rate: int) -> RoomId:
    """Return a paused room with a full bucket and a long queue."""
    settings = {"active_visitors_max": None, "claim_window_s": crowd.LONG_S}
    room_id = await crowd.open_room(product, f"at-{rate}", admission_rate_per_minute=rate, **settings)
    await product.post(f"/v1/rooms/{room_id}/pause")
    await prepared.fill(
        product, room_id, round(rate * run.size.watched_s / 60 * SPARE) + 2 * (rate // 60) + 10
    )
    return room_id
