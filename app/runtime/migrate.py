"""Database migrations with Alembic: plain SQL up and down, one file per change, in two phases.

`before` runs while processes of the previous release still work, so it only adds (`migrations/versions`);
`after` runs when the last of them has ended, and removes what they needed (`migrations/after`). Both are
branches of one Alembic history, named after the phase.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

import migrations
from app.core.errors import CannotRun
from app.runtime.schema import applied
from app.store.connections import POSTGRES_AWAY

Phase = Literal["before", "after"]
PHASES: tuple[Phase, ...] = ("before", "after")
FOLDERS: dict[Phase, str] = {"before": "versions", "after": "after"}

# A statement waiting for a lock blocks everybody behind it, so it waits only for a moment
# (`migrations/env.py`) and is then retried, with pauses that let the others proceed.
TRIES = 120
PAUSE_S = (0.2, 0.8)
TAKEN = {"55P03": "a lock was not free", "40P01": "a deadlock"}  # lock_not_available, deadlock_detected

REFUSED: tuple[type[Exception], ...] = (
    *POSTGRES_AWAY,
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)

log = structlog.get_logger(__name__)


class MigrationRefused(CannotRun):
    """The migration cannot run; the message says why in one line."""


class State(NamedTuple):
    """The progress of one phase in a database."""

    phase: Phase
    there: str | None  # its newest revision; None: no migration of this phase was run
    pending: list[str]  # migrations of this release that the database lacks, in order


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(_folder(it)) for it in PHASES))
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


def _folder(phase: Phase) -> Path:
    return Path(migrations.__file__).parent / FOLDERS[phase]


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except CommandError as error:  # a revision unknown to this release, or none to go back to
        raise MigrationRefused(f"migrating failed: {error}") from None
    except REFUSED as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise MigrationRefused(f"migrating failed: {cause}") from None


def up(database_url: str, phases: Sequence[Phase] = PHASES) -> None:
    """Migrate these phases of the database to their newest revision; running it again changes nothing."""
    with _one_line_errors():
        if "before" not in phases and states(asyncio.run(applied(database_url)))[0].pending:
            raise MigrationRefused("phase `after` comes last: run `fairgate migrate --phase before` first")
        for phase in phases:
            _with_patience(partial(command.upgrade, _config(database_url), f"{phase}@head"))


def _with_patience(step: Callable[[], None]) -> None:
    """Run a step that takes locks, with retries. What was committed before a failure is not run again."""
    for tries_left in reversed(range(TRIES)):
        try:
            return step()
        except DBAPIError as error:
            why = TAKEN.get(str(getattr(error.orig, "sqlstate", "")))
            if why is None:
                raise
            if not tries_left:
                raise MigrationRefused(
                    f"migrating failed: {why} in {TRIES} attempts: a long transaction or an autovacuum "
                    "has locked the table (`fairgate doctor` finds the former). Run it again: "
                    "completed steps are kept"
                ) from None
            log.warning("retrying a migration", why=why, tries_left=tries_left)
            time.sleep(random.uniform(*PAUSE_S))


def states(applied_revisions: set[str]) -> list[State]:
    """The progress of each phase. A revision unknown to this release is from a newer one, and counts as one
    of the phase `before` if that has no other.
    """
    by_phase = {phase: [it.revision for it in found] for phase, found in _history().items()}
    newer = applied_revisions.difference(*by_phase.values())
    listed = []
    for phase in PHASES:
        (at,) = applied_revisions.intersection(by_phase[phase]) or (None,)
        if at is None and newer and phase == "before":
            listed.append(State(phase, max(newer), []))
            continue
        done = by_phase[phase].index(at) if at else len(by_phase[phase])
        listed.append(State(phase, at, by_phase[phase][:done][::-1]))
    return listed


async def revision_of(database_url: str) -> str | None:
    """The database's revision in the phase `before`; None: it has no tables of ours. Raises StoreRefused."""
    applied_revisions = await applied(database_url)
    return None if not applied_revisions else states(applied_revisions)[0].there


def revisions(phase: Phase = "before") -> list[str]:
    """The revisions of this release, newest first; their numbers need not be in order."""
    return [it.revision for it in scripts(phase)]


def scripts(phase: Phase) -> list[Script]:
    """The migrations of a phase, newest first."""
    return _history()[phase]


def _history() -> dict[Phase, list[Script]]:
    every = list(ScriptDirectory.from_config(_config("")).walk_revisions())
    return {phase: [it for it in every if Path(it.path).parent == _folder(phase)] for phase in PHASES}


def down(database_url: str) -> None:
    """Undo the newest revision, those of the phase `after` first."""
    with _one_line_errors():
        after = states(asyncio.run(applied(database_url)))[1]
        phase = "after" if after.there else "before"
        _with_patience(partial(command.downgrade, _config(database_url), f"{phase}@-1"))


def new(name: str, phase: Phase = "before") -> Path:
    """Write an empty migration and return its path; its number follows the newest one."""
    root = Path(migrations.__file__).parents[1]
    if not (root / "pyproject.toml").is_file():
        raise MigrationRefused(
            "migrations can only be created in a checkout of Fairgate; this is an installed package"
        )
    config = _config("")
    number = 1 + max(
        (int(path.name[:4]) for path in root.glob("migrations/*/[0-9][0-9][0-9][0-9]_*.py")), default=0
    )
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    with _one_line_errors():
        script = command.revision(
            config,
            message=name,
            rev_id=f"{number:04}",
            head=f"{phase}@head",
            version_path=str(_folder(phase)),
        )
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)
