"""The SQL of each migration, as Alembic would write it to be run by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script

from app.runtime import migrate
from app.runtime.migrate import Phase


class Migration(NamedTuple):
    """`sql` is what `upgrade` runs; BEGIN and COMMIT in it mark what runs outside a transaction."""

    revision: str
    phase: Phase
    sql: str


def migrations() -> Iterator[Migration]:
    """All migrations, each phase from the first to the newest."""
    for phase in migrate.PHASES:
        for script in reversed(migrate.scripts(phase)):
            yield Migration(script.revision, phase, sql_of(script))


class _Statements(list[str]):
    """The output for Alembic, which writes one statement at a time."""

    write = list.append

    def flush(self) -> None:
        pass


def sql_of(script: Script) -> str:
    """The SQL that a migration runs."""
    written = _Statements()
    context = MigrationContext.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # otherwise % would be doubled
        opts={"as_sql": True, "output_buffer": written, "transaction_per_migration": True},
    )
    with Operations.context(context), context.begin_transaction(_per_migration=True):
        script.module.upgrade()
    return "\n;\n".join(written)  # a comment at the end of a statement would hide Alembic's semicolon
