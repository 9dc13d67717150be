"""PostgreSQL: what happens to the last commits if its machine is lost. docs/how-to/failover.md"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg

from app.doctor.finding import Finding, good, note, wrong
from app.settings import Settings

_SERVER = """
SELECT current_setting('synchronous_standby_names') <> '' AS waits,
       current_setting('synchronous_commit') IN ('local', 'off') AS skips,
       (SELECT count(*) FROM pg_stat_replication) AS standbys,
       (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS synchronous,
       (SELECT count(*) FROM pg_stat_replication WHERE sync_state IS NULL) AS hidden,
       current_setting('archive_mode') <> 'off' AS archives,
       extract(epoch FROM now() - last_archived_time)::float8 AS archived_s,
       last_failed_time > coalesce(last_archived_time, '-infinity') AS fails,
       last_failed_wal
FROM pg_stat_archiver
"""


async def survives(pool: asyncpg.Pool, _settings: Settings) -> list[Finding]:
    """Whether a standby has each commit before it is acknowledged, and whether the WAL is archived."""
    row = await pool.fetchrow(_SERVER)
    assert row is not None
    server = dict(row)
    return [standby(server), archive(server)]


def standby(server: Mapping[str, Any]) -> Finding:
    """Whether a standby has each commit."""
    name, standbys = "postgres.standby", server["standbys"]
    if server["waits"] and not server["skips"]:
        if server["synchronous"] or server["hidden"]:
            return good(name, "each commit is acknowledged once a standby has it")
        return wrong(name, "each commit waits for a standby, and none is connected", "start the standby")
    if standbys:
        return note(name, f"{standbys} standbys follow asynchronously: a fail-over may lose the last commits")
    return note(name, "there is no standby: if the disk is lost, only backups remain")


def archive(server: Mapping[str, Any]) -> Finding:
    """Whether the write-ahead log is archived."""
    name = "postgres.archive"
    if not server["archives"]:
        return note(name, "the write-ahead log is not archived: commits after the last backup can be lost")
    if server["fails"]:
        says = f"archiving the write-ahead log fails: {server['last_failed_wal']} failed"
        return wrong(name, says, "see PostgreSQL's log for the output of archive_command")
    if server["archived_s"] is None:
        return note(name, "archiving of the write-ahead log is on, but nothing has been archived yet")
    return good(name, f"the write-ahead log is archived, its last segment {server['archived_s']:.0f} s ago")
