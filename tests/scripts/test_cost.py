"""How much CPU a script may cost the server, measured so that other users of the machine do not matter."""

from __future__ import annotations

from tests.scripts.test_admit import a_line
from tests.support.builders import KEYS, NOW, Client
from tests.support.queue_steps import tick


async def test_a_thousand_calls_take_a_few_milliseconds(redis: Client) -> None:
    """5 ms is the target on an idle machine; this only catches work that grows with the queue."""
    await a_line(redis, 0, admission_rate_per_minute=60_000_000)
    for begin in range(0, 50_000, 10_000):
        await redis.zadd(KEYS.waiting, {f"visitor-{n:014}": n for n in range(begin + 1, begin + 10_001)})
    before_s = await cpu_s(redis)
    for i in range(1, 11):
        assert (await tick(redis, NOW + i * 1_000, limit=1_000)).calls == 1_000
    assert await cpu_s(redis) - before_s < 10 * 0.05


async def cpu_s(redis: Client) -> float:
    """The CPU time used by the server; other processes on the machine do not affect it."""
    used = await redis.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])
