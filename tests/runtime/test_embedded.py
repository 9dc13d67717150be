"""Embedded stores start with their earlier data, at their earlier address, and stop."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from app.runtime import embedded_postgres, embedded_stores
from app.runtime.embedded_stores import EmbeddedFailed, EmbeddedStore

pytestmark = pytest.mark.slow

Start = Callable[[Path], EmbeddedStore]


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="fairgate-embedded-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


async def test_valkey_keeps_its_data_and_its_address(folder: Path) -> None:
    first = embedded_stores.start_valkey(folder)
    try:
        await embedded_stores.ready(first)
        async with Redis.from_url(first.url) as redis:
            await redis.set("kept", "yes", ex=600)
            policy = await redis.config_get("maxmemory-policy", "appendonly")
            assert policy == {"maxmemory-policy": "noeviction", "appendonly": "yes"}
    finally:
        embedded_stores.stop(first)
    second = embedded_stores.start_valkey(folder)
    try:
        await embedded_stores.ready(second)
        assert second.url == first.url
        async with Redis.from_url(second.url) as redis:
            assert await redis.get("kept") == b"yes"
    finally:
        embedded_stores.stop(second)


async def test_postgres_keeps_its_data_after_a_kill(folder: Path) -> None:
    first = embedded_postgres.start_postgres(folder)
    try:
        await embedded_stores.ready(first)
        connection = await asyncpg.connect(first.url)
        assert await connection.fetchval("SHOW fsync") == "on"
        await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        await connection.close()
    finally:
        first.process.kill()
        first.process.wait()
    second = embedded_postgres.start_postgres(folder)
    try:
        await embedded_stores.ready(second)
        assert second.url == first.url
        connection = await asyncpg.connect(second.url)
        assert await connection.fetchval("SELECT n FROM kept") == 7
        await connection.close()
    finally:
        embedded_stores.stop(second)


async def test_a_half_made_database_is_begun_again(folder: Path) -> None:
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("18")
    store = embedded_postgres.start_postgres(folder)
    try:
        await embedded_stores.ready(store)
    finally:
        embedded_stores.stop(store)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")
async def test_postgres_runs_in_a_home_that_is_closed_to_others(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    store = embedded_postgres.start_postgres(home / "share" / "postgres")
    try:
        await embedded_stores.ready(store)
        owner = psutil.Process(store.process.pid)
        assert owner.uids().effective != 0
        assert owner.gids().effective != 0
    finally:
        embedded_stores.stop(store)
    assert stat.S_IMODE(home.stat().st_mode) == 0o701


async def test_strangers_are_not_let_in(folder: Path) -> None:
    store = embedded_stores.start_valkey(folder)
    try:
        await embedded_stores.ready(store)
        url = store.url.replace(embedded_stores.own_secret(folder, "password"), "wrong")
        with pytest.raises(Exception, match="invalid username-password"):
            await Redis.from_url(url).ping()
    finally:
        embedded_stores.stop(store)
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600


async def test_another_port_is_taken_when_the_kept_one_is_not_free(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / "port").write_text(str(port))
        store = embedded_stores.start_valkey(folder)
        try:
            await embedded_stores.ready(store)
        finally:
            embedded_stores.stop(store)
    assert f":{port}/" not in store.url


async def test_a_store_that_ends_at_once_is_told(folder: Path) -> None:
    (folder / "appendonlydir").write_text("not a folder")
    store = embedded_stores.start_valkey(folder)
    with pytest.raises(EmbeddedFailed, match=r"valkey ended with code \d+; see .*valkey\.log"):
        await embedded_stores.ready(store)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a user for PostgreSQL")
def test_first_starts_at_the_same_time_share_one_user() -> None:
    name = f"fairgate_test_{os.getpid()}"
    program = (
        "import os, pwd, subprocess; from app.runtime import embedded_postgres as embedded\n"
        f"embedded.POSTGRES_OS_USER = {name!r}\n"
        f"print(flush=True); input(); embedded.os_user(); uid = pwd.getpwnam({name!r}).pw_uid\n"
        "subprocess.run(['whoami'], user=uid, check=True, stdout=subprocess.DEVNULL)"
    )
    starts = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    try:
        for start in starts:
            assert start.stdout is not None
            start.stdout.readline()
        for start in starts:
            assert start.stdin is not None
            start.stdin.write(b"\n")
            start.stdin.flush()
        assert [start.wait(60) for start in starts] == [0] * len(starts)
    finally:
        for start in starts:
            start.communicate()
        subprocess.run(["userdel", name], check=True)
