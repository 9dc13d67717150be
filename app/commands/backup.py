"""backup, restore: the whole installation in one file, and back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from app.commands.command_settings import CommandFailed, Data, read_settings, settings_of, with_addresses
from app.doctor.survival import survives
from app.runtime import backup as backups
from app.runtime import embedded_postgres, embedded_stores, installation
from app.settings import Settings
from app.store.connections import connect_postgres

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup file.")]


def backup(
    file: File,
    *,
    only_check: Annotated[
        bool, typer.Option("--check", help="Do not create a backup; check that this one is complete.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    data: Data = None,
) -> None:
    """Write a snapshot of the database, and the secrets it needs, to a file; while everything runs."""
    if only_check:
        with backups.opened(file) as (manifest, dump, secrets):
            size = dump.stat().st_size
        print(
            f"complete: from {manifest.made_at}, by Fairgate {manifest.version}, schema {manifest.revision},"
        )
        print(f"{size:,} bytes of the database, {len(secrets)} secrets")
        return
    from app.runtime import migrate  # Alembic is slow to import

    settings = with_addresses(settings_of(data))
    if file.exists() and not overwrite:
        raise CommandFailed(f"{file} already exists; use --overwrite to replace it")
    if not file.absolute().parent.is_dir():
        raise CommandFailed(f"there is no folder {file.absolute().parent}")
    revision = asyncio.run(migrate.revision_of(settings.database_url))
    if revision is None:
        raise CommandFailed("the database has no tables yet: nothing to back up")
    signing = {"secret": settings.secret, "payment_webhook_secret": settings.payment_webhook_secret}
    made = backups.create(file.absolute(), settings.database_url, revision, signing)
    print(f"{file}: {file.stat().st_size:,} bytes, the database as of {made.made_at}, schema {revision}")
    print("store it as safely as a password: it contains keys and secrets")
    if read_settings(data).database_url:
        asyncio.run(_warn_of_later(settings))


async def _warn_of_later(settings: Settings) -> None:
    """Print what happens to commits after the backup, for databases run separately."""
    pool = await connect_postgres(settings.database_url, settings.store_timeout_s, 1, role="command")
    try:
        for finding in await survives(pool, settings):
            print(f"{finding.says}{finding.do and f'; {finding.do}'}")
    finally:
        pool.terminate()
    print("with a base backup and archived WAL you can restore any later moment: docs/how-to/backup.md")


def restore(file: File, *, data: Data = None) -> None:
    """Fill a new, empty installation from a backup; then start it.

    If DATABASE_URL is set, that database must be empty; otherwise the data folder must be.
    """
    from app.runtime import migrate  # Alembic is slow to import

    settings = read_settings(data)
    with backups.opened(file) as (manifest, dump, secrets):
        if manifest.revision not in migrate.revisions():
            raise CommandFailed(
                f"the backup has schema {manifest.revision}, which this release does not know: "
                f"install Fairgate {manifest.version} or newer"
            )
        if settings.database_url:
            _fill(dump, settings.database_url)
            missing = [f"FAIRGATE_{name.upper()}" for name in secrets if not _is_set(settings, name)]
            print(f"restored as of {manifest.made_at}; `fairgate migrate up` comes next")
            if missing:
                _keep_secrets(Path.cwd(), {it: secrets[it] for it in secrets if not _is_set(settings, it)})
                print(f"{', '.join(missing)}: written to files in this folder, to be used in the settings")
            return
        folder = installation.prepare(settings.data)
        with installation.locked(folder):
            _fill_embedded(folder, dump, secrets)
    print(f"restored as of {manifest.made_at} into {folder}; start it: fairgate up --data '{folder}'")


def _is_set(settings: object, name: str) -> bool:
    return bool(getattr(settings, name).get_secret_value())


def _fill_embedded(folder: Path, dump: Path, secrets: dict[str, str]) -> None:
    present = [it for it in ("postgres", "valkey", *secrets) if (folder / it).exists()]
    if present:
        raise CommandFailed(f"{folder} is in use ({', '.join(present)}): restore into an empty folder")
    embedded_stores.require()
    store = embedded_postgres.start_postgres(folder / "postgres")
    try:
        asyncio.run(embedded_stores.ready(store))
        _fill(dump, store.url)
    finally:
        embedded_stores.stop(store)
    _keep_secrets(folder, secrets)


def _fill(dump: Path, database_url: str) -> None:
    from app.runtime import migrate  # Alembic is slow to import

    if asyncio.run(migrate.revision_of(database_url)) is not None:
        raise CommandFailed("the database already has tables: restore into an empty one")
    backups.restore_database(dump, database_url)


def _keep_secrets(folder: Path, secrets: dict[str, str]) -> None:
    for name, value in secrets.items():
        with open(os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(value)
