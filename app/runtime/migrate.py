"""Database migrations, by Alembic: plain SQL up and down, one file a change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

import migrations
from app.core.errors import CannotRun
from app.store.connections import POSTGRES_AWAY, connect_postgres

CONNECT_TIMEOUT_S = 10.0

REFUSED: tuple[type[Exception], ...] = (
    *POSTGRES_AWAY,
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)


class MigrationRefused(CannotRun):
    """The migration cannot run; the message says why in one line."""


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except CommandError as error:  # a revision this release does not know, or none to go back to
        raise MigrationRefused(f"migrating failed: {error}") from None
    except REFUSED as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise MigrationRefused(f"migrating failed: {cause}") from None


def up(database_url: str) -> None:
    """Bring the database to the newest revision; running it again changes nothing."""
    with _told():
        command.upgrade(_config(database_url), "head")


async def revision_of(database_url: str) -> str | None:
    """The revision a database is at; None: it has no tables of ours. Raises StoreRefused."""
    pool = await connect_postgres(database_url, timeout_s=CONNECT_TIMEOUT_S, connections_max=1)
    try:
        if await pool.fetchval("SELECT to_regclass('public.alembic_version')") is None:
            return None
        found: str | None = await pool.fetchval("SELECT version_num FROM alembic_version")
        return found
    finally:
        await pool.close()


def revisions() -> list[str]:
    """The revisions of this release, newest first; their numbers need not be in order."""
    return [it.revision for it in ScriptDirectory.from_config(_config("")).walk_revisions()]


def down(database_url: str) -> None:
    """Undo the newest revision."""
    with _told():
        command.downgrade(_config(database_url), "-1")


def new(name: str) -> Path:
    """Write an empty migration and return its path; its number follows the newest one."""
    root = Path(migrations.__file__).parents[1]
    if not (root / "pyproject.toml").is_file():
        raise MigrationRefused("a migration is begun in a checkout of Fairgate: this is an installed one")
    config = _config("")
    folder = root / "migrations" / "versions"
    number = 1 + max((int(path.name[:4]) for path in folder.glob("[0-9][0-9][0-9][0-9]_*.py")), default=0)
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    with _told():
        script = command.revision(config, message=name, rev_id=f"{number:04}")
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)
