"""Debian's Redis servers and Sentinels for tests; they stop with the test."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.runtime.embedded_stores import free_port
from tests.support.waiting import wait_until

USER, PASSWORD = "fairgate", "p@ss/word"
ACL = [
    f"user {USER} on >{PASSWORD} ~* &* +@all",
    "user default off",
    f"masteruser {USER}",
    f'masterauth "{PASSWORD}"',
]


@dataclass
class Server:
    """A Redis server or Sentinel that we started."""

    port: int
    process: subprocess.Popen[bytes]

    def client(self) -> Any:
        """A client of this server, whatever its role."""
        return Redis(
            port=self.port, username=USER, password=PASSWORD, decode_responses=True, socket_timeout=20
        )


@dataclass
class Servers:
    """The servers of one test."""

    folder: Path
    running: list[Server] = field(default_factory=list)

    def start(self, program: str, *config: str, port: int | None = None) -> Server:
        """Start a server; `program` is redis-server or redis-sentinel."""
        binary = shutil.which(program)
        if binary is None:
            pytest.skip(f"{program} is not installed")
        port = port or free_port()
        folder = self.folder / str(port)
        folder.mkdir(exist_ok=True)
        lines = [f"port {port}", "bind 127.0.0.1", f'dir "{folder}"', *config]
        (folder / "redis.conf").write_text("\n".join(lines) + "\n")
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen([binary, str(folder / "redis.conf")], stdout=log, stderr=log)
        server = Server(port, process)
        self.running.append(server)
        return server


@asynccontextmanager
async def redis_servers(folder: Path) -> AsyncIterator[Servers]:
    """Servers that run for the duration of a test."""
    servers = Servers(folder)
    try:
        yield servers
    finally:
        for server in servers.running:
            server.process.kill()
            server.process.wait()


async def a_pair(servers: Servers) -> tuple[Server, Server]:
    """A primary and a replica that has caught up, both with named users."""
    common = [*ACL, "appendonly yes", "repl-diskless-sync-delay 0"]
    primary = servers.start("redis-server", *common)
    replica = servers.start("redis-server", *common, f"replicaof 127.0.0.1 {primary.port}")

    async def caught_up() -> bool:
        try:
            async with replica.client() as redis:
                return bool((await redis.info("replication"))["master_link_status"] == "up")
        except RedisError:
            return False

    await wait_until(caught_up, "the replica")
    return primary, replica


async def sentinels(servers: Servers, primary: Server) -> list[Server]:
    """Three Sentinels that watch the primary and know of each other and of its replica."""
    watch = [
        f"sentinel monitor sale 127.0.0.1 {primary.port} 2",
        f"sentinel auth-user sale {USER}",
        f"sentinel auth-pass sale {PASSWORD}",
        "sentinel down-after-milliseconds sale 1000",
        "sentinel failover-timeout sale 5000",
    ]
    found = [servers.start("redis-sentinel", *watch) for _ in range(3)]

    async def complete() -> bool:
        for server in found:
            try:
                async with Redis(port=server.port, decode_responses=True) as client:
                    sentinel: Any = client
                    state = (await sentinel.sentinel_masters())["sale"]
            except (RedisError, KeyError):
                return False
            if (state["num-slaves"], state["num-other-sentinels"]) != (1, 2):
                return False
        return True

    await wait_until(complete, "Sentinels that know each other")
    return found
