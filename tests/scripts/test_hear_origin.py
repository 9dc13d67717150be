"""hear_origin.lua: the latest report of each server of a shop, for a limited number of servers."""

from __future__ import annotations

from typing import Any

from app.core.waiting_room.autopilot import Reading
from app.store.redis import origin
from app.store.redis.origin import ServerReport
from tests.support.builders import KEYS, NOW, Client

GOOD = ServerReport(p95_ms=120.5, error_rate=0.0, in_flight=7)
BAD = ServerReport(p95_ms=2_000, error_rate=0.25)


async def readings(redis: Client) -> dict[str, Reading]:
    [found] = await origin.origins_of(redis, [KEYS])
    assert found is not None
    return found.readings


async def test_each_server_is_known_by_what_it_said_last(redis: Client) -> None:
    assert await origin.hear_origin(redis, KEYS, GOOD, server="web-1", now_ms=NOW)
    assert await origin.hear_origin(redis, KEYS, BAD, server="web-1", now_ms=NOW + 5_000)
    assert await origin.hear_origin(redis, KEYS, GOOD, server="", now_ms=NOW + 6_000)
    assert await readings(redis) == {
        "": Reading(at_ms=NOW + 6_000, p95_ms=120.5, error_rate=0.0, in_flight=7),
        "web-1": Reading(at_ms=NOW + 5_000, p95_ms=2_000, error_rate=0.25),
    }
    assert 0 < await redis.pttl(KEYS.origin) <= origin.TTL_MS


async def test_twice_is_once_and_late_is_never(redis: Client) -> None:
    async def hear(report: ServerReport, said_ms: int, now_ms: int) -> bool:
        return await origin.hear_origin(redis, KEYS, report, server="a", said_ms=said_ms, now_ms=now_ms)

    assert await hear(GOOD, NOW, NOW + 100)
    assert not await hear(GOOD, NOW, NOW + 5_000)
    assert not await hear(BAD, NOW - 2_000, NOW + 5_000)
    assert await readings(redis) == {"a": Reading(at_ms=NOW + 100, p95_ms=120.5, error_rate=0.0, in_flight=7)}
    assert await hear(BAD, NOW + 1, NOW + 5_000)
    assert (await readings(redis))["a"].at_ms == NOW + 5_000


async def test_a_clock_that_was_set_back_does_not_silence_a_server(redis: Client) -> None:
    assert await origin.hear_origin(redis, KEYS, GOOD, server="a", now_ms=NOW)
    assert await origin.hear_origin(redis, KEYS, BAD, server="a", now_ms=NOW - 3_600_000)
    assert (await readings(redis))["a"].p95_ms == 2_000


async def test_of_too_many_servers_the_one_that_has_been_silent_longest_goes(redis: Client) -> None:
    limit: dict[str, Any] = {"servers_max": 3}
    for n in range(5):
        await origin.hear_origin(redis, KEYS, GOOD, server=f"web-{n}", now_ms=NOW + n, **limit)
    assert set(await readings(redis)) == {"web-2", "web-3", "web-4"}
    await origin.hear_origin(redis, KEYS, BAD, server="web-2", now_ms=NOW + 10, **limit)
    await origin.hear_origin(redis, KEYS, GOOD, server="web-5", now_ms=NOW + 11, **limit)
    assert set(await readings(redis)) == {"web-2", "web-4", "web-5"}


async def test_of_a_room_that_nobody_reports_nothing_is_known(redis: Client) -> None:
    assert await origin.origins_of(redis, [KEYS]) == [origin.UNKNOWN]
