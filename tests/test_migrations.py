"""Migrations go up, down and up again, ending where they started, in two phases, while writes continue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app import cli
from app.runtime import migrate, schema
from app.runtime.migrate import MigrationRefused
from tests.support.waiting import wait_until

SCHEMA = """
    SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
"""
PLANTED = """
from alembic import op

revision = "{revision}"
down_revision = {down_revision!r}
branch_labels = {labels!r}
depends_on = None


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
    pass
"""
ADD = '    op.execute("ALTER TABLE accounts ADD COLUMN shoe_size int NOT NULL DEFAULT 42")'
OUTSIDE = '''
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS accounts_by_shoe_size")
        op.execute("CREATE INDEX CONCURRENTLY accounts_by_shoe_size ON accounts (shoe_size)")
        op.execute("""DO $$ DECLARE last text := ''; BEGIN LOOP
            WITH batch AS (SELECT account_id FROM accounts WHERE account_id > last ORDER BY 1 LIMIT 2),
                 changed AS (UPDATE accounts SET shoe_size = 43 FROM batch
                             WHERE accounts.account_id = batch.account_id)
            SELECT max(account_id) INTO last FROM batch;
            EXIT WHEN last IS NULL;
            COMMIT;
        END LOOP; END $$""")
'''


@pytest.fixture
async def database(own_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(own_database_url)
    yield connection
    await connection.close()


async def test_down_takes_back_what_up_made(database: asyncpg.Connection, own_database_url: str) -> None:
    before = await database.fetch(SCHEMA)
    revisions = 0
    while await database.fetchval("SELECT count(*) FROM alembic_version"):
        await asyncio.to_thread(migrate.down, own_database_url)
        revisions += 1
    assert await database.fetch(SCHEMA) == []
    with pytest.raises(MigrationRefused, match="--phase before"):
        await asyncio.to_thread(migrate.up, own_database_url, ("after",))
    await asyncio.to_thread(migrate.up, own_database_url)
    assert await database.fetch(SCHEMA) == before
    assert revisions == sum(len(migrate.revisions(it)) for it in migrate.PHASES)


async def test_the_newest_schema_is_told_without_alembic(
    database: asyncpg.Connection, own_database_url: str
) -> None:
    assert schema.heads() == {migrate.revisions(it)[0] for it in migrate.PHASES}
    assert await schema.is_current(own_database_url)
    await asyncio.to_thread(migrate.down, own_database_url)
    assert not await schema.is_current(own_database_url)
    await database.execute("DROP TABLE alembic_version")
    assert not await schema.is_current(own_database_url)


async def test_the_phases_are_run_and_shown_one_after_the_other(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in an upgrade of a database on which the phase `after` was never run."""
    monkeypatch.setenv("DATABASE_URL", own_database_url)

    async def fairgate(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(cli.run, ["migrate", *arguments])
        return code, capsys.readouterr().out

    newest, later = migrate.revisions("before")[0], migrate.revisions("after")
    for _ in later:
        assert await fairgate("down") == (cli.DONE, "")
    pending = f"before: up to date, {newest}\nafter: to be run: {', '.join(reversed(later))}\n"
    assert await fairgate("--check") == (cli.FAILED, pending)
    assert await fairgate("--phase", "before") == (cli.DONE, "")
    assert await fairgate("--check", "--phase", "before") == (cli.DONE, pending.splitlines()[0] + "\n")
    assert await fairgate("--check") == (cli.FAILED, pending)
    assert await fairgate("--phase", "after") == (cli.DONE, "")
    done = f"before: up to date, {newest}\nafter: up to date, {later[0]}\n"
    assert await fairgate("--check") == (cli.DONE, done)
    assert await fairgate("--check", "up") == (cli.WRONG_USAGE, "")


async def test_writes_go_on_while_a_migration_waits_for_a_lock(
    database: asyncpg.Connection, own_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A reader's transaction stays open. Requesting a table lock behind it blocks everybody who comes later,
    so the migration waits only briefly at a time.
    """
    ours = migrate.revisions("after")[0]
    await database.execute("DELETE FROM alembic_version WHERE version_num = $1", ours)
    plant(tmp_path, "9001", None, ADD)
    plant(tmp_path, "9002", "9001", OUTSIDE)
    monkeypatch.setitem(migrate.FOLDERS, "after", str(tmp_path))
    monkeypatch.setattr(migrate, "PAUSE_S", (0.01, 0.05))
    tries = []
    monkeypatch.setattr(migrate.log, "warning", lambda _, **told: tries.append(told["why"]))
    reader = await asyncpg.connect(own_database_url)
    async with reader.transaction():
        await reader.fetch("SELECT FROM accounts")
        migrating = asyncio.create_task(asyncio.to_thread(migrate.up, own_database_url))
        written = 0

        async def another() -> bool:
            nonlocal written
            written += 1
            await database.execute(ACCOUNT, str(written))
            return len(tries) >= 3 and written >= 20

        await wait_until(another, "writes between the tries")
        assert not migrating.done()
    await migrating
    await reader.close()
    assert set(tries) == {"a lock was not free"}
    assert await database.fetchval("SELECT count(*) FROM accounts WHERE shoe_size = 43") == written
    assert await database.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'accounts_by_shoe_size'::regclass"
    )


ACCOUNT = "INSERT INTO accounts (account_id, email, name, password_hash) VALUES ($1, $1, $1, '')"


def plant(folder: Path, revision: str, down_revision: str | None, upgrade: str) -> None:
    """Write a migration of the phase `after`."""
    labels = None if down_revision else ("after",)
    text = PLANTED.format(revision=revision, down_revision=down_revision, labels=labels, upgrade=upgrade)
    (folder / f"{revision}_planted.py").write_text(text)
