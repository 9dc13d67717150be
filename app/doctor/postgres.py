"""PostgreSQL: whether commits are durable, connections suffice, the schema is current, keys are recent."""

from __future__ import annotations

import asyncio

import asyncpg

from app.core.clock import now_ms
from app.doctor.finding import Finding, good, note, wrong
from app.doctor.redis import NEARLY, compared
from app.doctor.survival import survives
from app.runtime import migrate
from app.settings import Settings

KEY_DAYS_MAX = 365
OLD_TRANSACTION_S = 300
ON = ("fsync", "full_page_writes")


async def durable(pool: asyncpg.Pool, _settings: Settings) -> list[Finding]:
    """Acknowledged commits survive a crash of the machine."""
    names = [*ON, "synchronous_commit", "server_version"]
    rows = await pool.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1)", names)
    values = {row["name"]: row["setting"] for row in rows}
    found = [good("postgres", f"PostgreSQL {values['server_version']} answers")]
    for name in ON:
        if values[name] != "on":
            says = f"{name} is {values[name]}: a crash of the machine can lose the whole database"
            found.append(wrong("postgres.durable", says, f"set {name} to on"))
    if values["synchronous_commit"] == "off":
        says = "synchronous_commit is off: reservations answered with 201 can be lost in a crash"
        found.append(wrong("postgres.durable", says, "set synchronous_commit to on"))
    if len(found) == 1:
        found.append(good("postgres.durable", "fsync, full_page_writes and synchronous_commit are on"))
    return found


async def writable(pool: asyncpg.Pool, _settings: Settings) -> list[Finding]:
    """It is the primary, and accepts writes."""
    row = await pool.fetchrow("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool")
    assert row is not None
    replica, read_only = row
    if replica or read_only:
        says = "it is a replica" if replica else "its transactions are read-only"
        return [wrong("postgres.writable", says, "set DATABASE_URL to the address of the primary")]
    return [good("postgres.writable", "it accepts writes")]


async def connections(pool: asyncpg.Pool, settings: Settings) -> list[Finding]:
    """There are enough connections for the pools of a web process and a worker, and some are free."""
    row = await pool.fetchrow(
        """
        SELECT count(*) FILTER (WHERE backend_type = 'client backend'),
               current_setting('max_connections')::int,
               current_setting('superuser_reserved_connections')::int,
               coalesce(extract(epoch FROM max(now() - xact_start)
                        FILTER (WHERE backend_type = 'client backend')), 0)::float8
        FROM pg_stat_activity
        """
    )
    assert row is not None
    used, most, kept, oldest_s = row
    free, pools = most - kept, 2 * settings.postgres_pool_max
    says = f"{used} of {free} connections are open; each process may have {settings.postgres_pool_max}"
    found = [good("postgres.connections", says)]
    if pools > free:
        do = "raise max_connections, or lower FAIRGATE_POSTGRES_POOL_MAX"
        found = [wrong("postgres.connections", f"{says}: too few for a web process and a worker", do)]
    elif used > NEARLY * free:
        found = [wrong("postgres.connections", says, "raise max_connections, or run fewer processes")]
    if oldest_s > OLD_TRANSACTION_S:
        do = "end it (pg_terminate_backend): it blocks the sale of tickets it has locked, and all vacuuming"
        found.append(
            wrong("postgres.transaction", f"a transaction has been open for {oldest_s / 60:.0f} minutes", do)
        )
    return found


async def clock(pool: asyncpg.Pool, _settings: Settings) -> list[Finding]:
    """Holds expire by Postgres' clock."""
    before = now_ms()
    theirs = await pool.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    return [compared("postgres.clock", "PostgreSQL", theirs, before, now_ms())]


async def schema(pool: asyncpg.Pool, _settings: Settings) -> list[Finding]:
    """The migrations of this release have been run, and no others."""
    there: set[str] = set()
    if await pool.fetchval("SELECT to_regclass('alembic_version')"):
        there = {row[0] for row in await pool.fetch("SELECT version_num FROM alembic_version")}
    newest = (await asyncio.to_thread(migrate.revisions))[0]
    before, after = await asyncio.to_thread(migrate.states, there)
    says = (
        f"the schema is at {before.there}, this release has {newest}" if there else "there are no tables yet"
    )
    if before.pending:
        return [wrong("migrations", says, "fairgate migrate --phase before")]
    if before.there != newest:
        return [wrong("migrations", says, "run the release that migrated the database")]
    if after.pending:
        do = "run `fairgate migrate --phase after` once no process of the previous release is left"
        return [note("migrations", f"the schema is at {newest}; {do}")]
    return [good("migrations", f"the schema is at {newest}, the newest of this release")]


async def keys(pool: asyncpg.Pool, _settings: Settings) -> list[Finding]:
    """The age of the key that signs booking and access tokens."""
    if not await pool.fetchval("SELECT to_regclass('signing_keys')"):
        return []
    days = await pool.fetchval(
        "SELECT extract(epoch FROM now() - min(created_at))::float8 / 86400 "
        "FROM signing_keys WHERE retired_at IS NULL"
    )
    if days is None:
        return [note("keys", "there is no signing key yet: the first process creates one")]
    if days > KEY_DAYS_MAX:
        return [wrong("keys", f"the signing key is {days:.0f} days old", "fairgate keys rotate")]
    return [good("keys", f"the signing key is {days:.0f} days old")]


CHECKS = (durable, survives, writable, connections, clock, schema, keys)
