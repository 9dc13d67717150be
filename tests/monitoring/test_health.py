"""Health: each part reports itself or counts as unreachable, and none delays the others."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

from structlog.testing import capture_logs

from app.core.clock import now_ms
from app.loops import Loops
from app.monitoring import health, heartbeat, stats
from app.monitoring.health import Unreachable
from app.settings import Settings
from app.store.connections import Stores, connect_postgres, connect_redis
from app.store.keys import WEBS, WORKERS
from app.store.redis import heartbeats
from app.store.sql import retention
from app.web.console.system.health import groups_of
from tests.conftest import Servers
from tests.support.waiting import wait_until
from tests.support.wire import a_wire


def named(name: str, processes: list[health.Process] | Unreachable) -> health.Process | None:
    """The process with this name; others from this run may be present, too."""
    assert not isinstance(processes, Unreachable)
    return next((it for it in processes if it.name == name), None)


async def test_every_part_tells_of_itself(stores: Stores) -> None:
    beating = asyncio.create_task(heartbeat.keep_beating(stores.redis, "ours", Loops()))

    async def a_web() -> health.Process | None:
        found = named("ours", (await health.check(stores)).webs)
        return found if found and found.about else None

    web = await wait_until(a_web, "the heartbeat")
    assert web.alive
    assert int(web.about["memory"]) > 1_000_000
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    found = await health.check(stores)
    assert named("ours", found.webs) is None
    assert not isinstance(found.redis, Unreachable)
    assert not isinstance(found.postgres, Unreachable)
    (node,) = found.redis
    assert node.server.startswith(("Valkey ", "Redis "))
    assert node.role == "master"
    assert node.memory > 0
    assert 0 < found.postgres.connections <= found.postgres.connections_max
    assert found.postgres.size > 1_000_000
    assert found.backlog == health.Backlog(0, 0.0, 0, 0)


async def test_a_process_that_fell_silent_is_shown_as_gone(stores: Stores) -> None:
    redis = stores.redis
    for kind in (WEBS, WORKERS):
        await redis.zadd(kind, {"silent": time.time() * 1000 - 30_000})
    found = await health.check(stores)
    for processes in (found.webs, found.workers):
        process = named("silent", processes)
        assert process is not None
        assert (process.alive, process.about) == (False, {})
        assert process.seen_ago_s >= 30


async def test_who_was_heard_of_before_the_clock_was_set_back_is_not_there(stores: Stores) -> None:
    redis: Any = stores.redis
    for kind in (WEBS, WORKERS):
        await redis.zadd(kind, {"before": (time.time() + 3600) * 1000})
    seen = await health.check(stores)
    for shown in (seen.webs, seen.workers):
        found = named("before", shown)
        assert found is not None
        assert not found.alive
    assert await stats.workers(stores.redis) == 0
    await heartbeats.beat(stores.redis, "now", {"version": "1"}, now_ms())
    assert await redis.zrange(WEBS, 0, -1) == ["now"]


async def test_what_is_away_is_said_in_time_and_hides_nothing_else(stores: Stores, servers: Servers) -> None:
    stopped = await connect_postgres(servers.database_url, 2, 1)
    stopped.terminate()
    found = await health.check(Stores(stores.redis, stopped))
    assert isinstance(found.postgres, Unreachable)
    assert isinstance(found.backlog, Unreachable)
    assert not isinstance(found.redis, Unreachable)
    address = urlsplit(servers.redis_url)
    async with (
        a_wire(str(address.hostname), address.port or 0) as wire,
        stores.postgres.acquire() as connection,
    ):
        through = servers.redis_url.replace(f":{address.port}/", f":{wire.port}/")
        client = await connect_redis(through, 60)
        wire.silence(later_ones=True)
        dumb = await health.check(Stores(client, stores.postgres))
        assert isinstance(dumb.redis, Unreachable)
        assert "1 s" in dumb.redis.why
        assert not isinstance(dumb.postgres, Unreachable)
        assert await connection.fetchval("SELECT 1") == 1
        await client.aclose()


async def test_the_audit_log_is_kept_for_ever_unless_a_setting_says_how_long(stores: Stores) -> None:
    await stores.postgres.execute(
        "INSERT INTO audit (changed_at, subject, role, request_id, action, kind, id) "
        "SELECT now() - make_interval(days => n), 's', 'cli', '', 'a', 'k', n::text "
        "FROM unnest(ARRAY[1, 40]) AS n"
    )
    assert Settings().audit_keep_days == 0
    for days, expected in ((0, 2), (60, 2), (30, 1)):
        await retention.forget(stores.postgres, days)
        assert await stores.postgres.fetchval("SELECT count(*) FROM audit") == expected


async def test_a_redis_that_may_throw_keys_away_is_told_in_the_log_and_on_the_page(stores: Stores) -> None:
    redis: Any = stores.redis
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with capture_logs() as logged:
            await health.log_store_faults(stores)
        groups = groups_of(await health.check(stores), "UTC")
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    (line,) = logged
    assert line["log_level"] == "warning"
    assert "allkeys-lru" in line["fault"]
    (part,) = next(it.parts for it in groups if it.title == "Redis")
    assert part.kind == "bad"
    assert [fact for name, fact in part.facts if name == "Fix"] == [line["fault"]]
    with capture_logs() as logged:
        await health.log_store_faults(stores)
    assert logged == []
