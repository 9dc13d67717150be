"""Seeds against the model. A failure prints its seed and the fewest steps that still fail.

FAIRGATE_SIMULATION_SEEDS=5000 pytest tests/simulation      a longer soak
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from random import Random, SystemRandom

import asyncpg
import pytest

from app.store.connections import RedisClient, connect_redis
from tests.conftest import Servers
from tests.simulation.pinned import PinnedStores, pinned
from tests.simulation.room_world import START_MS, RoomWorld
from tests.simulation.steps import (
    VISITORS,
    Step,
    room_steps,
    rules_of,
    sale_rules,
    sale_steps,
    shortest,
)
from tests.simulation.watch import Differs
from tests.simulation.world import World

SEEDS = int(os.environ.get("FAIRGATE_SIMULATION_SEEDS", "240"))
SALE_SEEDS = range(SEEDS // 4)
FRESH = [SystemRandom().randrange(10**6, 10**9) for _ in range(5)]

Failure = tuple[int, Differs]
Run = Callable[[Sequence[Step]], Awaitable[Failure | None]]


@pytest.fixture(scope="module")
async def pinned_stores(servers: Servers) -> AsyncIterator[PinnedStores]:
    """Both stores for all seeds of a sale, with a clock and a database of their own."""
    admin = await asyncpg.connect(servers.postgres_url)
    await admin.execute(f"CREATE DATABASE simulation TEMPLATE {servers.template}")
    redis = await connect_redis(servers.redis_url, timeout_s=5)
    async with pinned(redis, servers.postgres_url.rpartition("/")[0] + "/simulation") as stores:
        yield stores
    await redis.flushall()
    await redis.aclose()
    await admin.execute("DROP DATABASE simulation WITH (FORCE)")
    await admin.close()


async def _all(take: Callable[[Step], Awaitable[None]], steps: Sequence[Step]) -> Failure | None:
    """The number of the step that failed, and why; None when none did."""
    for number, step in enumerate(steps):
        try:
            await take(step)
        except Differs as difference:
            return number, difference
    return None


async def _holds(seed: int, steps: Sequence[Step], run: Run) -> None:
    """Run the steps; should one fail, look for the fewest that still do and fail the test with them."""
    failure = await run(steps)
    if failure is None:
        return
    number, difference = failure

    async def fails(some: Sequence[Step]) -> bool:
        found = await run(some)
        return found is not None and found[1].kind == difference.kind

    fewest = await shortest(steps[: number + 1], fails)
    pytest.fail(
        f"seed {seed}, step {number}: {difference}\nshortest: {fewest}\nwhich ends: {await run(fewest)}"
    )


@pytest.mark.parametrize("seed", [*range(SEEDS), *FRESH])
async def test_a_room_does_what_the_model_does(redis: RedisClient, seed: int) -> None:
    async def run(steps: Sequence[Step]) -> Failure | None:
        random = Random(seed)
        draws = {visitor: random.getrandbits(52) for visitor in VISITORS}
        world = RoomWorld(redis, rules_of(random, start_ms=START_MS), draws, event=random.random() < 0.5)
        await world.load()
        return await _all(world.take, steps)

    await _holds(seed, room_steps(Random(-seed)), run)


@pytest.mark.parametrize("seed", [*SALE_SEEDS, *FRESH])
async def test_a_sale_does_what_the_model_does(pinned_stores: PinnedStores, seed: int) -> None:
    async def run(steps: Sequence[Step]) -> Failure | None:
        random = Random(seed)
        rules = sale_rules(random, start_ms=START_MS)
        world = World(pinned_stores, rules, random.randbytes(32))
        await world.load()
        return await _all(world.take, [*steps, Step("settle")])

    await _holds(seed, sale_steps(Random(-seed)), run)
