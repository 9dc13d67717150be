"""PostgreSQL's data folder, made and migrated once in a run of tests: whoever needs one gets a copy.

To make one takes initdb and all migrations, three seconds of CPU for each of dozens of installations. The
first process of a run that needs it makes it, and those beside it wait.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg

from app.runtime import embedded_postgres, embedded_stores, migrate

OF_THIS_RUN = "FAIRGATE_TESTS_PREPARED"  # where it is, told to all processes of the run
TEMPLATE = "template_fairgate"  # a migrated database to clone; so is `postgres`, an installation's own
OF_ONE_SERVER = ("port", "postgres.log")


def begin() -> None:
    """Say where it will be: once in a run, before its other processes are started."""
    folder = Path(tempfile.mkdtemp(prefix="fairgate-prepared-"))
    folder.chmod(0o711)  # as root, Postgres runs as another user
    os.environ[OF_THIS_RUN] = str(folder)


def end() -> None:
    """Remove it: once in a run."""
    shutil.rmtree(os.environ.pop(OF_THIS_RUN))


def prepare(folder: Path) -> None:
    """Put a copy there, for `start_postgres(folder)`. The folder must not exist yet."""
    folder.parent.mkdir(mode=0o711, exist_ok=True)
    subprocess.run(["cp", "-a", str(_made()), str(folder)], check=True)  # with its owner
    for name in OF_ONE_SERVER:
        (folder / name).unlink()


def database(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return url.rsplit("/", 1)[0] + "/" + name


def _made() -> Path:
    """The folder to copy, made by the first who asks."""
    home = Path(os.environ[OF_THIS_RUN])
    with (home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            shutil.rmtree(home / "postgres", ignore_errors=True)
            with ThreadPoolExecutor(1) as apart:  # from the event loop of whoever asks
                apart.submit(_make, home / "postgres").result()
            (home / "made").touch()
    return home / "postgres"


def _make(folder: Path) -> None:
    store = embedded_postgres.start_postgres(folder)
    try:
        asyncio.run(_create_template(store))
        migrate.up(store.url)
        migrate.up(database(store.url, TEMPLATE))
    finally:
        embedded_stores.stop(store)


async def _create_template(store: embedded_stores.EmbeddedStore) -> None:
    await embedded_stores.ready(store)
    connection = await asyncpg.connect(store.url)
    await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    await connection.close()
