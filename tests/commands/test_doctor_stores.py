"""What `fairgate doctor` finds out about the stores, their schema and the processes on them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.core.clock import now_ms
from app.core.errors import StoreUnavailable
from app.doctor import examination, postgres, sale
from app.doctor.survival import archive, standby
from app.runtime import migrate
from app.settings import Settings
from app.store.connections import Stores, connect_postgres, connect_redis
from app.store.keys import WORKERS
from app.store.redis import heartbeats
from tests.commands.test_doctor import own_database, settings, wrongs
from tests.conftest import Servers
from tests.notifications.test_outbox import hold
from tests.support.relay import Relay
from tests.support.sales import a_sale
from tests.support.waiting import wait_until

__all__ = ["own_database", "settings"]


@pytest.fixture
async def admin(servers: Servers) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(servers.postgres_url)
    yield connection
    await connection.close()


async def configure(admin: asyncpg.Connection, change: str, name: str, wanted: str) -> None:
    """Change a setting of the whole server, and wait until it applies."""
    await admin.execute(f"ALTER SYSTEM {change}")
    await admin.execute("SELECT pg_reload_conf()")

    async def is_so() -> bool:
        return bool(await admin.fetchval("SELECT current_setting($1) = $2", name, wanted))

    await wait_until(is_so, f"{name} = {wanted}")


@pytest.mark.parametrize("name", postgres.ON)
async def test_a_server_that_may_lose_its_database_in_a_crash_is_found(
    stores: Stores, settings: Settings, admin: asyncpg.Connection, name: str
) -> None:
    await configure(admin, f"SET {name} = off", name, "off")
    try:
        found = await wrongs(settings)
    finally:
        await configure(admin, f"RESET {name}", name, "on")
    assert list(found) == ["postgres.durable"]
    assert found["postgres.durable"].do == f"set {name} to on"


async def test_a_transaction_that_nobody_ends_is_found(
    stores: Stores, settings: Settings, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with admin.transaction():
        await admin.execute("SELECT 1")
        assert await wrongs(settings) == {}
        monkeypatch.setattr(postgres, "OLD_TRANSACTION_S", 0)
        found = await wrongs(settings)
    assert list(found) == ["postgres.transaction"]
    assert "pg_terminate_backend" in found["postgres.transaction"].do


async def test_few_free_connections_are_found(
    stores: Stores, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "NEARLY", 0.0)
    assert (await wrongs(settings))["postgres.connections"].do.startswith("raise max_connections")


async def test_a_database_without_tables_is_to_be_migrated_and_nothing_else_is_wrong(
    settings: Settings, own_database_url: str, own_database: asyncpg.Connection
) -> None:
    await own_database.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    found = await wrongs(settings, database_url=own_database_url)
    assert list(found) == ["migrations"]
    assert (found["migrations"].says, found["migrations"].do) == (
        "there are no tables yet",
        "fairgate migrate --phase before",
    )


async def test_a_migration_that_waits_for_the_previous_release_is_only_noted(
    settings: Settings, own_database_url: str, own_database: asyncpg.Connection
) -> None:
    later = migrate.revisions("after")
    await own_database.execute("DELETE FROM alembic_version WHERE version_num = ANY($1)", later)
    changed = settings.model_copy(update={"database_url": own_database_url})
    (found,) = [it for it in await examination.examine(changed) if it.name == "migrations"]
    assert (found.state, "fairgate migrate --phase after" in found.says) == ("note", True)


SERVER: dict[str, Any] = {
    **dict.fromkeys(("waits", "skips", "archives", "fails"), False),
    **dict.fromkeys(("standbys", "synchronous", "hidden"), 0),
    **dict.fromkeys(("archived_s", "last_failed_wal"), None),
}


@pytest.mark.parametrize(
    ("server", "state", "says"),
    [
        ({}, "note", "there is no standby"),
        ({"standbys": 2}, "note", "2 standbys follow asynchronously"),
        ({"waits": True, "standbys": 1}, "wrong", "none is connected"),
        ({"waits": True, "standbys": 1, "synchronous": 1}, "good", "once a standby has it"),
        ({"waits": True, "standbys": 1, "hidden": 1}, "good", "once a standby has it"),  # without permission
        ({"waits": True, "skips": True, "standbys": 1, "synchronous": 1}, "note", "asynchronously"),
    ],
)
def test_what_happens_to_the_last_commits_is_said(server: dict[str, Any], state: str, says: str) -> None:
    found = standby({**SERVER, **server})
    assert (found.state, says in found.says) == (state, True)


@pytest.mark.parametrize(
    ("server", "state", "says"),
    [
        ({}, "note", "is not archived"),
        ({"archives": True}, "note", "nothing has been archived yet"),
        ({"archives": True, "archived_s": 61.2}, "good", "its last segment 61 s ago"),
        (
            {"archives": True, "archived_s": 9.0, "fails": True, "last_failed_wal": "00A"},
            "wrong",
            "00A failed",
        ),
    ],
)
def test_whether_the_log_is_archived_is_said(server: dict[str, Any], state: str, says: str) -> None:
    found = archive({**SERVER, **server})
    assert (found.state, says in found.says) == (state, True)


async def test_processes_of_two_releases_are_found(stores: Stores, settings: Settings) -> None:
    for name, version, kind in (("w1", "0.2.0", WORKERS), ("w2", "0.3.0", WORKERS), ("w3", "0.2.0", WORKERS)):
        await heartbeats.beat(stores.redis, name, {"version": version}, now_ms(), kind)
    found = [it for it in await sale.processes(stores, settings) if it.name == "worker"]
    assert [(it.state, it.says) for it in found] == [
        ("good", "3 alive"),
        ("wrong", "different releases run: 0.2.0, 0.3.0"),
    ]


async def test_work_that_waits_too_long_is_found(stores: Stores, settings: Settings) -> None:
    await a_sale(stores)
    await hold(stores, "r1")
    assert await wrongs(settings) == {}
    await stores.postgres.execute("UPDATE outbox SET at = now() - interval '1 minute'")
    found = await wrongs(settings)
    assert list(found) == ["backlog"]
    assert found["backlog"].do == "start more workers, and check their logs"


async def test_a_store_that_goes_away_in_between_is_a_finding(
    stores: Stores, settings: Settings, servers: Servers
) -> None:
    stopped = await connect_postgres(servers.database_url, 2, 1)
    stopped.terminate()
    with pytest.raises(StoreUnavailable):
        await sale.backlog(Stores(stores.redis, stopped), settings)
    async with Relay(urlsplit(servers.redis_url).netloc.rpartition("@")[2]).open() as relay:
        url = servers.redis_url.replace(relay.goal, f"127.0.0.1:{relay.port}")
        client = await connect_redis(url, 2)
        relay.cut()
        with pytest.raises(StoreUnavailable):
            await sale.processes(Stores(client, stores.postgres), settings)
        await client.aclose()
