"""The simulation finds faults: each fault here is planted into a copy of the scripts and must be detected.

A check that cannot fail is worth nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app.store.connections import RedisClient
from app.store.scripts import loader
from tests.simulation import pinned
from tests.simulation.pinned import PinnedStores
from tests.simulation.runs import (
    Failure,
    run_lane_sale,
    run_lanes,
    run_room,
    run_sale,
    steps_of_lane_sale,
    steps_of_lanes,
    steps_of_room,
    steps_of_sale,
)

pytestmark = pytest.mark.slow

SEEDS = range(40)


class Fault(NamedTuple):
    """A line of a script, and its replacement."""

    script: str
    line: str
    changed: str


ROOM_FAULTS = {
    "the cap is dropped": Fault("include/callable.lua", "if config.active_max > 0 then", "if false then"),
    "no-shows are not given back": Fault(
        "include/turns.lua", "progress.level = progress.level + TOKEN", "progress.level = progress.level"
    ),
    "the bucket fills while paused": Fault("include/bucket.lua", "and config.state == 'open' then", "then"),
    "numbers run past what Postgres knows": Fault(
        "join.lua",
        "progress.last_number >= progress.numbers_reserved",
        "progress.last_number > progress.numbers_reserved",
    ),
    "a visitor who is passed over loses their place": Fault(
        "include/calling.lua",
        "if not passed then redis.call('ZREMRANGEBYRANK'",
        "if true then redis.call('ZREMRANGEBYRANK'",
    ),
    "a visitor inside counts for one ticket": Fault("include/callable.lua", "- wanted_inside()", ""),
    "calls can be hoarded": Fault("include/passing.lua", "unclaimed[network] >= most", "false"),
    "a lapsed turn changes nothing": Fault(
        "include/turns.lua", "config.claim_window_ms / 2", "config.claim_window_ms"
    ),
}
LANE_FAULTS = {
    "shares are not kept": Fault("include/sharing.lua", "local share = shares[at + 1]", "local share = 50"),
    "a lane has no upper bound": Fault("include/lanes.lua", "is_last and '+inf'", "true and '+inf'"),
    "all lanes have one serving position": Fault(
        "include/lanes.lua", "if lane == 0 then\n", "if true then\n"
    ),
}
SALE_FAULTS = {
    "an ended hold keeps its tickets": Fault(
        "release.lua", "redis.call('HDEL', holds", "redis.call('HGET', holds"
    ),
    "granted tickets are not taken": Fault("include/granting.lua", "  take(it)\n", ""),
    "a repeated request is granted again": Fault(
        "submit.lua", "remember(reservation_id, told[reservation_id])", ""
    ),
    "grants renewed after a restore are not stored": Fault("decide_again.lua", "write_grants()", ""),
    "an ended hold keeps its code": Fault("release.lua", "count_code(items, -1)", ""),
    "an outcome never expires": Fault(
        "include/outcomes.lua", "redis.call('EXPIRE', outcomes, OUTCOMES_KEPT_S)", ""
    ),
    "a restored session is forgotten": Fault(
        "load_sessions.lua", "redis.call('ZADD', active", "redis.call('ZADD', ended"
    ),
}


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Fault], None]]:
    """Put a fault into a copy of the scripts and load that copy."""

    def planted(fault: Fault) -> None:
        copy = Path(shutil.copytree(loader.SCRIPTS, tmp_path / "lua"))
        text = (copy / fault.script).read_text()
        assert fault.line in text, "the script was rewritten; plant the fault where it belongs now"
        (copy / fault.script).write_text(text.replace(fault.line, fault.changed))
        monkeypatch.setattr(loader, "SCRIPTS", copy)
        pinned.forget_scripts()

    yield planted
    monkeypatch.undo()
    pinned.forget_scripts()


@pytest.mark.parametrize("fault", ROOM_FAULTS.values(), ids=ROOM_FAULTS.keys())
async def test_a_fault_of_the_room_is_found(
    redis: RedisClient, plant: Callable[[Fault], None], fault: Fault
) -> None:
    plant(fault)
    assert await _is_found(lambda seed: run_room(redis, seed, steps_of_room(seed)))


@pytest.mark.parametrize("fault", LANE_FAULTS.values(), ids=LANE_FAULTS.keys())
async def test_a_fault_of_lanes_is_found(
    redis: RedisClient, plant: Callable[[Fault], None], fault: Fault
) -> None:
    plant(fault)
    assert await _is_found(lambda seed: run_lanes(redis, seed, steps_of_lanes(seed)))


async def test_a_lane_that_is_not_restored_is_found(
    simulation_stores: PinnedStores, plant: Callable[[Fault], None]
) -> None:
    plant(Fault("restore.lua", "math.max(there[lane] or 0, stored[lane - 1] or 0)", "0"))
    assert await _is_found(lambda seed: run_lane_sale(simulation_stores, seed, steps_of_lane_sale(seed)))


@pytest.mark.parametrize("fault", SALE_FAULTS.values(), ids=SALE_FAULTS.keys())
async def test_a_fault_of_the_sale_is_found(
    simulation_stores: PinnedStores, plant: Callable[[Fault], None], fault: Fault
) -> None:
    plant(fault)
    assert await _is_found(lambda seed: run_sale(simulation_stores, seed, steps_of_sale(seed)))


async def _is_found(run: Callable[[int], Awaitable[Failure | None]]) -> bool:
    for seed in SEEDS:
        if await run(seed) is not None:
            return True
    return False
