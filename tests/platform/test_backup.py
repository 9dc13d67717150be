"""A backup is made while a sale runs; restored elsewhere, nothing acknowledged before it is lost."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app import cli
from app.runtime import backup as backups
from app.runtime import migrate
from tests.platform.outside import Up, fairgate, up
from tests.support.http import plain_client
from tests.support.waiting import wait_until

EVENT = {"event_id": "saved", "name": "Saved", "starts_at": "2035-01-01T20:00:00Z"}
FLOOR = {"ticket_type_id": "floor", "name": "Floor", "price": 5000, "quantity": 10}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def post(client: httpx.AsyncClient, path: str, body: Any, **headers: str) -> Any:
    answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def a_sale(installation: Up) -> tuple[str, str, str]:
    """Somebody who holds two tickets, and somebody who waits: their tokens, and the reservation."""
    token = await fairgate("token", "--role", "admin", "--sub", "a-saver", "--data", str(installation.data))
    staff = bearer(token.out.strip())
    async with plain_client(installation.url, timeout=30) as client:
        await post(client, "/v1/events", EVENT, **staff)
        await post(client, "/v1/events/saved/ticket-types", FLOOR, **staff)
        await post(client, "/v1/rooms/saved/open", {}, **staff)
        place = (await post(client, "/v1/rooms/saved/places", None))["place_token"]

        async def claimed() -> Any:
            answer = await client.post("/v1/rooms/saved/places/me/booking-token", headers=bearer(place))
            return answer.json() if answer.status_code in (200, 201) else None

        booking: str = (await wait_until(claimed, "a claim"))["booking_token"]
        wanted = {"items": [{"ticket_type_id": "floor", "quantity": 2}]}
        headers = {**bearer(booking), "idempotency-key": "saved"}
        held = await post(client, "/v1/events/saved/reservations", wanted, **headers)
        await post(client, "/v1/rooms/saved/pause", {}, **staff)
        client.cookies.clear()  # somebody else
        waits = await post(client, "/v1/rooms/saved/places", None)
        assert waits["queue_number"] == 2
        return booking, held["reservation_id"], waits["place_token"]


async def test_a_sale_goes_on_from_its_backup_on_an_empty_machine(
    installation: Up, data: Path, tmp_path: Path
) -> None:
    booking, reservation_id, waits = await a_sale(installation)
    file = tmp_path / "backup.tar"
    made = await fairgate("backup", str(file), "--data", str(installation.data))
    assert made.code == 0, made.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    checked = await fairgate("backup", "--check", str(file))
    assert (checked.code, checked.out.startswith("complete: ")) == (0, True), checked.err
    for folder, why in ((installation.data, "already running on"), (data, "")):
        ended = await fairgate("restore", str(file), "--data", str(folder))
        assert why in ended.err if why else ended.code == 0, ended.err
    again = await fairgate("restore", str(file), "--data", str(data))
    assert (again.code, "restore into an empty folder" in again.err) == (1, True)
    restored = await up(data)
    try:
        async with plain_client(restored.url, timeout=30) as client:
            found = await client.get(f"/v1/reservations/{reservation_id}", headers=bearer(booking))
            assert (found.status_code, found.json()["status"]) == (200, "held"), found.text

            async def stands() -> Any:
                place = await client.get("/v1/rooms/saved/places/me", headers=bearer(waits))
                return place.json() if place.status_code == 200 else None

            assert (await wait_until(stands, "the place"))["queue_number"] == 2
        books = await fairgate("check", "--all", "--data", str(data))
        assert books.code == 0, books.err
    finally:
        await restored.stop()


@pytest.fixture
async def file(tmp_path: Path, own_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backup of a database without rows, whose address is in DATABASE_URL."""
    monkeypatch.setenv("DATABASE_URL", own_database_url)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")  # it is not contacted
    monkeypatch.setenv("FAIRGATE_SECRET", "a secret of 24 characters")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "backup.tar"
    assert await _run("backup", str(path)) == cli.DONE
    return path


def changed(path: Path, name: str, value: bytes | None) -> Path:
    """The backup with one of its files replaced or removed."""
    other = path.with_name("other.tar")
    with tarfile.open(path) as old, tarfile.open(other, "w") as new:
        for member in old.getmembers():
            found = old.extractfile(member)
            assert found
            content = found.read()
            if member.name == name:
                if value is None:
                    continue
                content = value
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return other


def manifest_of(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as tar:
        found = tar.extractfile(backups.MANIFEST)
        assert found
        document: dict[str, Any] = json.load(found)
        return document


async def test_what_is_damaged_newer_or_in_the_way_is_refused_and_changes_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = {**manifest_of(file), "revision": "9999"}
    cases: dict[str, Callable[[], Path]] = {
        "is damaged: the checksum of secret": lambda: changed(file, "secret", b"another secret, 24 chars."),
        "is not a backup": lambda: changed(file, backups.DUMP, None),
        "does not know": lambda: changed(file, backups.MANIFEST, json.dumps(newer).encode()),
        "newer Fairgate": lambda: changed(file, backups.MANIFEST, json.dumps({**newer, "form": 2}).encode()),
        "database already has tables": lambda: file,
    }
    capsys.readouterr()
    for why, make in cases.items():
        assert await _run("restore", str(make())) == cli.FAILED, why
        [line] = capsys.readouterr().err.splitlines()
        assert why in line
    assert await _run("backup", str(file)) == cli.FAILED
    assert "use --overwrite to replace it" in capsys.readouterr().err
    assert await _run("backup", str(file), "--overwrite") == cli.DONE
    assert sorted(os.listdir(tmp_path)) == ["backup.tar", "other.tar"]


async def _run(*words: str) -> int:
    return await asyncio.to_thread(cli.run, [*words])


async def test_a_database_of_ones_own_is_filled_and_the_secrets_are_handed_over(
    file: Path, own_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await asyncpg.connect(own_database_url)
    await admin.execute("CREATE DATABASE filled")
    url = own_database_url.rpartition("/")[0] + "/filled"
    try:
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.delenv("FAIRGATE_SECRET")
        assert await _run("restore", str(file)) == cli.DONE
        assert (tmp_path / "secret").read_text() == "a secret of 24 characters"
        assert await migrate.revision_of(url) == migrate.revisions()[0]
    finally:
        await admin.execute("DROP DATABASE filled WITH (FORCE)")
        await admin.close()
