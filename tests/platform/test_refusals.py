"""Failures are one line on stderr: exit 1 if the command failed, 2 for wrong usage."""

from __future__ import annotations

import socket
from pathlib import Path

import asyncpg
import pytest

from app.runtime import migrate
from tests.conftest import Servers
from tests.platform.old_stores import listening, postgres_14, redis_6
from tests.platform.outside import FAIRGATE, Ended, fairgate


def last_line(ended: Ended) -> str:
    """The line with the reason. Progress may precede it, never a traceback."""
    assert "Traceback" not in ended.err
    assert ended.err.endswith("\n")
    return ended.err.splitlines()[-1]


async def test_a_taken_port(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = await fairgate("up", "--data", str(data), "--port", port)
    assert ended.code == 1
    assert ended.err == f"fairgate: {last_line(ended)[10:]}\n"
    assert port in ended.err
    assert "--port" in ended.err


async def test_an_unwritable_data_folder(data: Path) -> None:
    file = Path(__file__)
    for folder in (file, file / "below", Path("/proc/fairgate")):
        ended = await fairgate("up", "--data", str(folder), "--port", "0")
        assert ended.code == 1
        assert len(ended.err.splitlines()) == 1
        assert str(folder) in ended.err
        assert "--data" in ended.err


@pytest.mark.parametrize("name", ["REDIS_URL", "DATABASE_URL", "FAIRGATE_REDIS_URL", "QUEUE_REDIS_URL"])
async def test_a_store_that_cannot_be_reached(data: Path, name: str) -> None:
    scheme = "postgresql" if "DATABASE" in name else "redis"
    ended = await fairgate("up", "--data", str(data), "--port", "0", **{name: f"{scheme}://127.0.0.1:1/0"})
    assert ended.code == 1
    assert "127.0.0.1:1" in last_line(ended)
    assert not (data / "run.json").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "nonsense"),
        ("REDIS_URL", "redis://127.0.0.1:port"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "postgresql://127.0.0.1:port/x"),
    ],
)
async def test_an_address_that_is_none(data: Path, name: str, value: str) -> None:
    ended = await fairgate("up", "--data", str(data), "--port", "0", **{name: value})
    assert ended.code == 2
    assert ended.err.startswith(f"fairgate: the setting {name} is wrong: ")
    assert len(ended.err.splitlines()) == 1


async def test_stores_that_are_too_old(data: Path) -> None:
    async with listening(redis_6) as port:
        ended = await fairgate("up", "--data", str(data), REDIS_URL=f"redis://127.0.0.1:{port}/0")
    assert ended.code == 1
    assert "6.2.14; 7.0 or newer is needed" in last_line(ended)
    async with listening(postgres_14) as port:
        url = f"postgresql://nobody@127.0.0.1:{port}/x"
        ended = await fairgate("up", "--data", str(data), DATABASE_URL=url)
    assert ended.code == 1
    assert "14; 15 or newer is needed" in last_line(ended)


async def test_web_alone_needs_a_secret(data: Path, servers: Servers) -> None:
    addresses = {"REDIS_URL": servers.redis_url, "DATABASE_URL": servers.postgres_url}
    ended = await fairgate("web", "--data", str(data), **addresses)
    assert ended.code == 1
    assert "FAIRGATE_SECRET" in last_line(ended)


@pytest.mark.parametrize(
    "arguments",
    [["web"], ["worker"], ["env"], ["migrate", "up"], ["migrate", "down"]],
    ids=" ".join,
)
async def test_a_folder_nothing_runs_in(data: Path, arguments: list[str]) -> None:
    ended = await fairgate(*arguments, "--data", str(data))
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1
    assert "fairgate up" in ended.err


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("up", "--nonsense"), ("env",), ("room", "list"), ("none",)]
)
async def test_what_is_forked_says_what_the_installed_program_says(
    data: Path, arguments: tuple[str, ...]
) -> None:
    """The tests' own shortcut."""
    forked, installed = [
        await fairgate(*arguments, program=program, FAIRGATE_DATA=str(data)) for program in ("", FAIRGATE)
    ]
    assert forked == installed
    assert forked.out or forked.err


async def test_wrong_usage_is_2_and_one_line() -> None:
    ended = await fairgate("up", "--nonsense")
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert "--help" in ended.err


async def test_a_setting_out_of_range_is_named() -> None:
    ended = await fairgate("env", FAIRGATE_BACKLOG_MAX="0")
    assert ended.code == 2
    assert "FAIRGATE_BACKLOG_MAX" in last_line(ended)


async def test_a_database_of_a_newer_release(data: Path, own_database_url: str) -> None:

    connection = await asyncpg.connect(own_database_url)
    newest = migrate.revisions()[0]
    await connection.execute("UPDATE alembic_version SET version_num = '9999' WHERE version_num = $1", newest)
    await connection.close()
    ended = await fairgate("migrate", "up", DATABASE_URL=own_database_url)
    assert ended.code == 1
    assert "9999" in last_line(ended)


async def test_migrate_goes_down_and_up(own_database_url: str) -> None:
    for step in ("up", "down", "up"):
        ended = await fairgate("migrate", step, DATABASE_URL=own_database_url)
        assert (ended.code, ended.out, ended.err) == (0, "", "")
