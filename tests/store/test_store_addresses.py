"""REDIS_URL in all its forms: accepted, or refused by name; and servers behind addresses of both stores."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import pytest
from arq.connections import ArqRedis

from app.runtime import migrate
from app.runtime.embedded_postgres import POSTGRES_OS_USER
from app.runtime.embedded_stores import free_port
from app.settings import Settings
from app.store.connections import (
    StoreRefused,
    WrongAddress,
    connect_postgres,
    connect_redis,
    queue_pool,
)
from app.store.drivers.postgres_pool import BOUNDS, Role
from app.store.drivers.redis_address import read_redis_address
from tests.conftest import Servers
from tests.platform.outside import fairgate
from tests.store.certificates import self_signed
from tests.support.redis_servers import ACL, PASSWORD, USER, redis_servers
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("redis://127.0.0.1:1/0?colour=red", "colour"),
        ("redis://127.0.0.1:1/zero", "zero"),
        ("redis+sentinel://127.0.0.1:1", "NAME"),
        ("redis+sentinel://a,,b/sale", "host:port"),
        ("redis+sentinel://a/sale/zero", "zero"),
        ("rediss://a/0?ssl_cert_reqs=maybe", "maybe"),
        ("valkey://a", "redis://"),
    ],
)
async def test_a_redis_address_that_cannot_be_is_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(WrongAddress, match=named):
        await connect_redis(url, timeout_s=1)


def test_what_an_address_of_sentinels_says() -> None:
    it = read_redis_address("redis+sentinel://u:p%40@a:1,[::1]:2,c/sale/3?sentinel_password=s")
    assert it.sentinels == (("a", 1), ("::1", 2), ("c", 26_379))
    assert (it.service, it.options["db"], it.options["password"]) == ("sale", 3, "p@")
    assert it.sentinel_login == {"password": "s"}
    assert "p@" not in it.name


@dataclass(frozen=True)
class Bouncer:
    """A running PgBouncer: its Unix socket's address, and that of a port with TLS and its authority."""

    socket_url: str
    tls_url: str
    authority: Path


def _bouncer_config(folder: Path, database_url: str, port: int, certificate: Path, key: Path) -> Path:
    """The text of its configuration file."""
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": folder,
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": 1,
        "client_tls_sslmode": "require",
        "client_tls_cert_file": certificate,
        "client_tls_key_file": key,
    }
    parts, config = urlsplit(database_url), folder / "pgbouncer.ini"
    target = f"host=127.0.0.1 port={parts.port} dbname={parts.path[1:]} user={parts.username}"
    config.write_text(
        f"[databases]\nsale = {target} password={parts.password}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in settings.items())
    )
    return config


@contextmanager
def pgbouncer(servers: Servers) -> Iterator[Bouncer]:
    """PgBouncer in transaction mode, with one connection to the session's server for all of its clients."""
    if (binary := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")) is None:
        pytest.skip("pgbouncer is not installed")
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="fairgate-pgb-"))
    certificate, key = self_signed(folder)
    config = _bouncer_config(folder, servers.database_url, port, certificate, key)
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PgBouncer refuses to run as root
        of = pwd.getpwnam(POSTGRES_OS_USER)
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, of.pw_uid, of.pw_gid)
        user = {"user": of.pw_uid, "group": of.pw_gid, "extra_groups": []}
    process = subprocess.Popen(
        [binary, "-q", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **user
    )
    try:
        yield Bouncer(
            f"postgresql:///sale?host={folder}&port={port}&user=fairgate",
            f"postgresql://fairgate@127.0.0.1:{port}/sale",
            certificate,
        )
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


async def pool_at(url: str, role: Role = "web") -> asyncpg.Pool:
    """A pool connected to PgBouncer, as soon as it listens."""

    async def there() -> asyncpg.Pool | None:
        try:
            return await connect_postgres(url, timeout_s=2, connections_max=2, role=role)
        except StoreRefused as refused:
            if any(it in str(refused) for it in ("refused", "Connect call failed", "No such file")):
                return None
            raise

    found: asyncpg.Pool = await wait_until(there, "PgBouncer")
    return found


async def test_a_database_with_tls_and_at_a_unix_socket(servers: Servers) -> None:
    with pgbouncer(servers) as bouncer:
        url, authority = bouncer.tls_url, bouncer.authority
        full = f"{url}?sslmode=verify-full&sslrootcert={authority}"
        for good in (f"{url}?sslmode=require", full, f"{url}?sslmode=verify-ca&sslrootcert={authority}"):
            pool = await pool_at(good)
            assert await pool.fetchval("SELECT 1") == 1
            pool.terminate()
        named = full.replace("127.0.0.1", "localhost")  # not covered by the certificate
        for bad in (named, f"{url}?sslmode=verify-full&sslrootcert=system"):
            with pytest.raises(StoreRefused, match="certificate"):
                await connect_postgres(bad, timeout_s=2, connections_max=1)
        with pytest.raises(StoreRefused, match=r"SSL|TLS"):
            await connect_postgres(f"{url}?sslmode=disable", timeout_s=2, connections_max=1)
        for taken in (full, bouncer.socket_url):
            await asyncio.to_thread(migrate.up, taken)
            ended = await fairgate("env", REDIS_URL=servers.redis_url, DATABASE_URL=taken)
            assert f"DATABASE_URL={taken}\n" in ended.out
            checked = await fairgate("check", "--all", REDIS_URL=servers.redis_url, DATABASE_URL=taken)
            assert checked.code == 0, checked.err


async def test_what_is_said_to_the_server_and_several_hosts(servers: Servers) -> None:
    parts = urlsplit(servers.database_url)
    login, _, host = parts.netloc.rpartition("@")
    url = (
        f"postgresql://{login}@127.0.0.1:{free_port()},{host}{parts.path}?application_name=sale"
        "&options=-c%20geqo%3Doff&connect_timeout=3&target_session_attrs=read-write"
    )
    pool = await connect_postgres(url, timeout_s=5, connections_max=2)
    try:
        found = await pool.fetchrow("SELECT current_setting('application_name'), current_setting('geqo')")
        assert found is not None
        assert tuple(found) == ("sale", "off")
    finally:
        pool.terminate()


async def test_one_line_for_what_is_not_taken_by_any_command(servers: Servers) -> None:
    bad = f"{servers.database_url}?channel_binding=require"
    for command in (("migrate", "up"), ("check", "--all")):
        ended = await fairgate(*command, REDIS_URL=servers.redis_url, DATABASE_URL=bad)
        assert (ended.code, ended.out) == (2, "")
        (line,) = ended.err.splitlines()
        assert "DATABASE_URL" in line
        assert "channel_binding" in line


async def test_bounds_hold_behind_pgbouncer_and_stay_behind_for_nobody(servers: Servers) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    shown = "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)
    with pgbouncer(servers) as bouncer:
        pool = await pool_at(bouncer.socket_url, "worker")
        try:
            plain = await pool.fetchrow(shown)
            async with pool.acquire() as connection, connection.transaction():
                bound = await connection.fetchrow(shown)
            assert plain is not None
            assert bound is not None
            worker = BOUNDS["worker"]
            assert bound[1] == f"{worker.lock_s:.0f}s"
            assert all(it != "0" for it in bound)
            assert tuple(await pool.fetchrow(shown) or ()) == tuple(plain) == ("0", "0", "0")
        finally:
            pool.terminate()


async def test_a_connection_is_waited_for_with_a_deadline(servers: Servers) -> None:
    pool: Any = await connect_postgres(servers.database_url, timeout_s=1, connections_max=1)
    pool.acquire_s = 0.05
    try:
        async with pool.acquire():
            with pytest.raises(TimeoutError, match="no connection"):
                await pool.fetchval("SELECT 1")
        assert await pool.fetchval("SELECT 1") == 1
    finally:
        pool.terminate()


async def test_redis_with_tls_and_users(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    async with redis_servers(tmp_path) as running:
        secure = free_port()
        running.start(
            "redis-server",
            *ACL[:2],
            f"tls-port {secure}",
            f'tls-cert-file "{certificate}"',
            f'tls-key-file "{key}"',
            "tls-auth-clients no",
        )
        url = f"rediss://{LOGIN}@127.0.0.1:{secure}/1"

        async def there() -> Any:
            try:
                return await connect_redis(f"{url}?ssl_ca_certs={certificate}", timeout_s=2)
            except StoreRefused:
                return None

        redis = await wait_until(there, "Redis with TLS")
        await redis.set("a", "b", px=60_000)
        await redis.aclose()
        with pytest.raises(StoreRefused, match="certificate"):
            await connect_redis(url, timeout_s=2)
        other = url.replace("127.0.0.1", "localhost")  # not covered by the certificate
        with pytest.raises(StoreRefused, match="certificate"):
            await connect_redis(f"{other}?ssl_ca_certs={certificate}", timeout_s=2)
        queue = ArqRedis(queue_pool(Settings(queue_redis_url=f"{url}?ssl_cert_reqs=none")))
        assert await queue.get("a") == b"b"
        await queue.aclose(close_connection_pool=True)
