"""One seed, one run: its world, its steps, and what to print if it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random

import pytest

from app.store.connections import RedisClient
from tests.simulation.lanes import NAMES, NETWORKS_OF, SHARES, in_lanes
from tests.simulation.pinned import PinnedStores
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
from tests.simulation.watch import Mismatch
from tests.simulation.world import World

Failure = tuple[int, Mismatch]  # the number of the step, and the difference found
Run = Callable[[Sequence[Step]], Awaitable[Failure | None]]


async def run_room(redis: RedisClient, seed: int, steps: Sequence[Step]) -> Failure | None:
    """The first step after which room and model differ, or None."""
    random = Random(seed)
    draws = {visitor: random.getrandbits(52) for visitor in VISITORS}
    world = RoomWorld(redis, rules_of(random, start_ms=START_MS), draws, event=random.random() < 0.5)
    await world.load()
    return await _take_all(world.take, steps)


async def run_lanes(redis: RedisClient, seed: int, steps: Sequence[Step]) -> Failure | None:
    """The same for a room with lanes."""
    random = Random(seed)
    draws = {NAMES[visitor]: random.getrandbits(52) for visitor in VISITORS}
    rules = replace(rules_of(random, start_ms=START_MS), lanes=random.choice(SHARES))
    world = RoomWorld(redis, rules, draws, event=random.random() < 0.3, networks=NETWORKS_OF)
    await world.load()
    return await _take_all(world.take, steps)


async def run_sale(stores: PinnedStores, seed: int, steps: Sequence[Step]) -> Failure | None:
    """The same for a whole sale; after the last step everything is finished and judged."""
    random = Random(seed)
    rules = sale_rules(random, start_ms=START_MS)
    world = World(stores, rules, random.randbytes(32))
    await world.load()
    return await _take_all(world.take, [*steps, Step("settle")])


async def run_lane_sale(stores: PinnedStores, seed: int, steps: Sequence[Step]) -> Failure | None:
    """The same for a sale whose room has lanes."""
    random = Random(seed)
    rules = replace(sale_rules(random, start_ms=START_MS), lanes=random.choice(SHARES))
    world = World(stores, rules, random.randbytes(32))
    await world.load()
    return await _take_all(world.take, [*steps, Step("settle")])


def steps_of_room(seed: int) -> list[Step]:
    """What happens in the room of this seed."""
    return room_steps(Random(-seed))


def steps_of_lanes(seed: int) -> list[Step]:
    """What happens in the room with lanes of this seed."""
    random = Random(-seed)
    return in_lanes(random, room_steps(random))


def steps_of_sale(seed: int) -> list[Step]:
    """What happens in the sale of this seed."""
    return sale_steps(Random(-seed))


def steps_of_lane_sale(seed: int) -> list[Step]:
    """What happens in the sale with lanes of this seed."""
    random = Random(-seed)
    return in_lanes(random, sale_steps(random), changes=0)


async def pass_or_explain(seed: int, steps: Sequence[Step], run: Run) -> None:
    """Run the steps. If they fail, look for the fewest that still do and fail the test with those."""
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


async def _take_all(take: Callable[[Step], Awaitable[None]], steps: Sequence[Step]) -> Failure | None:
    for number, step in enumerate(steps):
        try:
            await take(step)
        except Mismatch as difference:
            return number, difference
    return None
