"""A worker dies in the middle of reservations: none is lost or duplicated, and processing continues."""

from __future__ import annotations

import pytest

from tests.chaos.site import Site
from tests.support.waiting import wait_until

pytestmark = pytest.mark.chaos

KILLS = 3


async def test_a_killed_worker_is_taken_over_by_the_other_one(pair: Site) -> None:
    sale = await pair.open_sale()
    async with pair.crowd(sale) as crowd, crowd.traffic():
        for _ in range(KILLS):
            await crowd.wait_for_promises(20)
            killed = pair.kill_one("fairgate worker")
            await crowd.wait_for_outcomes()
            await _wait_for_restart(pair, killed, 2)
    assert crowd.answers["503 store_unavailable"] == 0


async def test_the_only_worker_is_started_again_and_takes_up_what_it_left(lone: Site) -> None:
    sale = await lone.open_sale()
    async with lone.crowd(sale) as crowd, crowd.traffic():
        for _ in range(KILLS):
            await crowd.wait_for_promises(20)
            before = await lone.worker_ids()
            killed = lone.kill_one("fairgate worker")
            await _wait_for_restart(lone, killed, 1)
            await _wait_for_new_worker(lone, before)
            await crowd.wait_for_outcomes()
    assert crowd.answers["503 store_unavailable"] == 0


async def _wait_for_restart(site: Site, killed: int, count: int) -> None:
    async def all_there() -> bool:
        pids = site.up.pids("fairgate worker")
        return killed not in pids and len(pids) == count

    await wait_until(all_there, "a new worker")


async def _wait_for_new_worker(site: Site, before: set[str]) -> None:
    async def has_started() -> bool:
        return bool(await site.worker_ids() - before)

    await wait_until(has_started, "a worker at work")
