"""Seeds against the model. A failure prints its seed and the fewest steps that still fail.

FAIRGATE_SIMULATION_SEEDS=5000 pytest tests/simulation      a longer soak
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from random import Random, SystemRandom

import pytest

from app.store.connections import RedisClient
from tests.simulation.room_world import START_MS, Differs, RoomWorld
from tests.simulation.steps import VISITORS, Step, room_steps, rules_of, shortest

SEEDS = int(os.environ.get("FAIRGATE_SIMULATION_SEEDS", "240"))
FRESH = [SystemRandom().randrange(10**6, 10**9) for _ in range(5)]


def _room_world(redis: RedisClient, random: Random) -> RoomWorld:
    draws = {visitor: random.getrandbits(52) for visitor in VISITORS}
    return RoomWorld(redis, rules_of(random, start_ms=START_MS), draws, event=random.random() < 0.5)


async def _run(redis: RedisClient, seed: int, steps: Sequence[Step]) -> tuple[int, Differs] | None:
    """The number of the step that failed, and why; None when none did."""
    world = _room_world(redis, Random(seed))
    await world.load()
    for number, step in enumerate(steps):
        try:
            await world.take(step)
        except Differs as difference:
            return number, difference
    return None


@pytest.mark.parametrize("seed", [*range(SEEDS), *FRESH])
async def test_a_room_does_what_the_model_does(redis: RedisClient, seed: int) -> None:
    steps = room_steps(Random(-seed))
    failure = await _run(redis, seed, steps)
    if failure is not None:
        number, difference = failure

        async def fails(some: Sequence[Step]) -> bool:
            found = await _run(redis, seed, some)
            return found is not None and found[1].kind == difference.kind

        fewest = await shortest(steps[: number + 1], fails)
        pytest.fail(
            f"seed {seed}, step {number}: {difference}\n"
            f"shortest: {fewest}\nwhich ends: {await _run(redis, seed, fewest)}"
        )
