"""A PostgreSQL with a streaming replica on this machine, which can be promoted."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psutil

from app.runtime import embedded_stores
from app.runtime.embedded_postgres import as_user, os_user, postgres_programs, start_postgres
from app.runtime.embedded_stores import EmbeddedStore, free_port

CATCH_UP_S = 30.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class PostgresPair:
    """A primary and its standby. The standby is as empty as the primary at first."""

    primary: EmbeddedStore
    standby: EmbeddedStore
    database: str

    @property
    def url(self) -> str:
        """DATABASE_URL with both hosts; the one that accepts writes is used."""
        url = urlsplit(self.primary.url)
        hosts = f"127.0.0.1:{url.port},127.0.0.1:{urlsplit(self.standby.url).port}"
        login = url.netloc.rpartition("@")[0]
        return f"postgresql://{login}@{hosts}/{self.database}?target_session_attrs=read-write"

    def family(self, store: EmbeddedStore) -> list[psutil.Process]:
        """A server's processes, the main process first."""
        first = psutil.Process(store.process.pid)
        return [first, *first.children(recursive=True)]

    async def cut_off(self) -> None:
        """Disconnect the standby: from now on commits are on the primary only."""
        connection = await asyncpg.connect(_database(self.standby.url, self.database))
        try:
            await connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close()
        await self._until("SELECT NOT EXISTS (SELECT FROM pg_stat_replication)")

    def lose_primary(self) -> None:
        """Kill the primary's processes without warning."""
        for process in self.family(self.primary):
            with suppress(psutil.NoSuchProcess):  # they end by themselves without the main process
                process.send_signal(signal.SIGKILL)
        self.primary.process.wait()

    async def promote(self) -> None:
        """Promote the standby; returns once it accepts writes."""
        connection = await asyncpg.connect(_database(self.standby.url, self.database))
        try:
            assert await connection.fetchval("SELECT pg_promote(true, 60)")
        finally:
            await connection.close()

    async def execute(self, statement: str) -> Any:
        """Run one statement on the primary, as its owner."""
        connection = await asyncpg.connect(_database(self.primary.url, self.database))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    async def be_synchronous(self) -> None:
        """Make the primary acknowledge commits only once the standby has them on disk.

        Set after the standby was copied: a promoted one would otherwise wait for a standby of its own.
        """
        await self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await self.execute("SELECT pg_reload_conf()")
        await self._until("SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')")

    async def be_asynchronous(self) -> None:
        """Let the primary acknowledge commits without waiting for the standby."""
        await self.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await self.execute("SELECT pg_reload_conf()")
        await self._until("SELECT NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')")

    async def caught_up(self) -> None:
        """Wait until the standby has replayed everything written so far."""
        at = await self.execute("SELECT pg_current_wal_lsn()::text")
        caught_up = f"replay_lsn >= '{at}'::pg_lsn"
        await self._until(f"SELECT EXISTS (SELECT FROM pg_stat_replication WHERE {caught_up})")

    async def _until(self, query: str) -> None:
        deadline = time.monotonic() + CATCH_UP_S
        while not await self.execute(query):
            assert time.monotonic() < deadline, query
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def postgres_pair(folder: Path, database: str = "postgres") -> AsyncIterator[PostgresPair]:
    """Start both servers; the standby follows asynchronously. Others must be able to traverse `folder`."""
    primary = start_postgres(folder / "primary")
    started = [primary]
    try:
        await embedded_stores.ready(primary)
        await asyncio.to_thread(_copy, primary, folder / "standby")
        standby = start_postgres(folder / "standby", port=free_port())
        started.append(standby)
        await embedded_stores.ready(standby)
        yield PostgresPair(primary, standby, database)
    finally:
        for store in started:
            embedded_stores.stop(store)


def _copy(primary: EmbeddedStore, folder: Path) -> None:
    """Make a base backup that will follow the primary once started."""
    it, user = urlsplit(primary.url), os_user()
    folder.mkdir(mode=0o711)
    (folder / "password").write_text(it.password or "")
    draft = folder / "data"
    draft.mkdir(mode=0o700)
    options = as_user(user)
    if user is not None:
        shutil.chown(draft, options["user"], options["group"])
    command = [str(postgres_programs() / "pg_basebackup"), "-D", str(draft), "-R", "-X", "stream"]
    command += ["-c", "fast", "-h", "127.0.0.1", "-p", str(it.port), "-U", str(it.username)]
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        env=os.environ | {"PGPASSWORD": it.password or ""},
        cwd="/",
        timeout=120,
        **options,
    )


def _database(url: str, name: str) -> str:
    return url.rsplit("/", 1)[0] + "/" + name
