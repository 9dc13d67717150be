"""What processes count is added up in Redis."""

from __future__ import annotations

from app import metrics
from app.core.clock import now_ms
from app.metrics import InstallationTotals
from app.store.connections import Stores


async def test_each_process_adds_what_it_counted_once(stores: Stores) -> None:
    one, two = InstallationTotals(), InstallationTotals()  # as two processes that count the same
    before_ms = now_ms()
    metrics.refused("conflict")
    metrics.reserved("sold_out", 3)
    for it in (one, two, one, two):
        await it.publish(stores.redis)
    found = await metrics.totals(stores.redis)
    since_ms = found.pop("since_ms")
    assert before_ms <= since_ms <= now_ms()
    assert found == {"refusals conflict": 2, "reservations sold_out": 6}


async def test_a_wiped_redis_begins_anew(stores: Stores) -> None:
    totals = InstallationTotals()
    metrics.refused("conflict")
    await totals.publish(stores.redis)
    await stores.redis.delete("fairgate:totals")
    metrics.refused("conflict")
    await totals.publish(stores.redis)
    assert (await metrics.totals(stores.redis))["refusals conflict"] == 1
