"""Seeds against the models, with every invariant checked after every step.

A failure prints its seed and the fewest steps that still fail. The seeds are always the same, so that a red
test points to the change at hand; untried seeds are for a soak: `make soak ARGS=5000`.
"""

from __future__ import annotations

import os
from functools import partial

import pytest

from app.store.connections import RedisClient
from tests.simulation.pinned import PinnedStores
from tests.simulation.runs import (
    pass_or_explain,
    run_lane_sale,
    run_lanes,
    run_room,
    run_sale,
    steps_of_lane_sale,
    steps_of_lanes,
    steps_of_room,
    steps_of_sale,
)

SEEDS = int(os.environ.get("FAIRGATE_SIMULATION_SEEDS", "300"))
FIRST = int(os.environ.get("FAIRGATE_SIMULATION_FIRST", "0"))
SALES = SEEDS // 5  # a sale takes ten times as long as a room
LANES = max(2, SEEDS // 15)
CAUGHT = [242_409_164, 965_015_065]  # these once found a fault in the engine or the model


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS - SALES))
async def test_a_room_does_what_the_model_does(redis: RedisClient, seed: int) -> None:
    await pass_or_explain(seed, steps_of_room(seed), partial(run_room, redis, seed))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + LANES))
async def test_a_room_with_lanes_does_what_the_model_does(redis: RedisClient, seed: int) -> None:
    await pass_or_explain(seed, steps_of_lanes(seed), partial(run_lanes, redis, seed))


@pytest.mark.parametrize("seed", [*range(FIRST, FIRST + SALES), *CAUGHT])
async def test_a_sale_does_what_the_model_does(simulation_stores: PinnedStores, seed: int) -> None:
    await pass_or_explain(seed, steps_of_sale(seed), partial(run_sale, simulation_stores, seed))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + LANES // 2))
async def test_a_sale_with_lanes_does_what_the_model_does(simulation_stores: PinnedStores, seed: int) -> None:
    await pass_or_explain(seed, steps_of_lane_sale(seed), partial(run_lane_sale, simulation_stores, seed))
