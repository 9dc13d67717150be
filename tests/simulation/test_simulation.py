"""Seeds against the models, every invariant checked after every step.

A failure prints its seed and the fewest steps that still fail. A longer soak:

    FAIRGATE_SIMULATION_SEEDS=5000 pytest tests/simulation/test_simulation.py
"""

from __future__ import annotations

import os
from functools import partial
from random import Random

import pytest

from app.store.connections import RedisClient
from tests.simulation.pinned import PinnedStores
from tests.simulation.runs import pass_or_explain, run_room, run_sale, steps_of_room, steps_of_sale

SEEDS = int(os.environ.get("FAIRGATE_SIMULATION_SEEDS", "300"))
SALES = SEEDS // 5  # a sale takes ten times as long as a room
_run = Random(os.environ.get("PYTEST_XDIST_TESTRUNUID"))  # one for all processes of a run
FRESH = [_run.randrange(10**6, 10**9) for _ in range(5)]  # in the name of the test, if one fails


@pytest.mark.parametrize("seed", [*range(SEEDS - SALES), *FRESH])
async def test_a_room_does_what_the_model_does(redis: RedisClient, seed: int) -> None:
    await pass_or_explain(seed, steps_of_room(seed), partial(run_room, redis, seed))


@pytest.mark.parametrize("seed", [*range(SALES), *FRESH])
async def test_a_sale_does_what_the_model_does(simulation_stores: PinnedStores, seed: int) -> None:
    await pass_or_explain(seed, steps_of_sale(seed), partial(run_sale, simulation_stores, seed))
