"""psql, redis-cli and logs connect to what the installation uses, and show no password to other users."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from app import cli
from app.runtime import log_files
from tests.conftest import Servers
from tests.platform.outside import FAIRGATE


def run(
    *words: str, typed: str = "", path: str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings, **({"PATH": path} if path is not None else {})}
    command = [FAIRGATE, *words]
    return subprocess.run(command, env=environment, input=typed, capture_output=True, text=True, timeout=60)


def test_psql_is_opened_on_the_database(servers: Servers) -> None:
    ended = run(
        *("psql", "--", "-XAtc", "SELECT current_database()"),
        **{"REDIS_URL": servers.redis_url, "DATABASE_URL": servers.database_url},
    )
    assert (ended.returncode, ended.stdout) == (0, "test\n"), ended.stderr


COMMANDS = "SET shells 'two words'\nGET shells\nDEL shells\nGET shells\nNOPE\n\"\nCOMMAND INFO get nope\n"


def test_commands_reach_redis_also_without_a_client_of_its_own(servers: Servers, tmp_path: Path) -> None:
    settings = {"REDIS_URL": servers.redis_url, "DATABASE_URL": servers.database_url}
    assert run("redis-cli", "--", "PING", **settings).stdout.strip() == "PONG"
    ended = run("redis-cli", typed=COMMANDS, path=str(tmp_path), **settings)
    assert ended.returncode == 0, ended.stderr
    printed = [it.strip() for it in ended.stdout.replace("redis> ", "").splitlines()]
    assert printed[:4] == ["OK", "two words", "1", "(nil)"]
    assert printed[4].startswith("(error) unknown command")
    assert printed[5] == "(error) No closing quotation"
    assert run("redis-cli", "--", "PING", path=str(tmp_path), **settings).stdout == "PONG\n"


@pytest.mark.parametrize("address", ["redis+sentinel://a,b/fairgate", "redis://a:1,b:2/0"])
def test_a_redis_of_many_servers_is_refused_in_words(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", address)
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/x")
    assert cli.run(["redis-cli"]) == cli.FAILED
    assert "reach a node" in capsys.readouterr().err


def test_passwords_are_not_among_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[tuple[list[str], dict[str, str]]] = []

    def execve(_program: str, arguments: list[str], environment: dict[str, str]) -> None:
        became.append((arguments, environment))
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setenv("REDIS_URL", "rediss://queue:p%40ss@cache.example:6380/2")
    monkeypatch.setenv("DATABASE_URL", "postgresql://fair:p%40ss@db.example/x?sslmode=require")
    for command in ("psql", "redis-cli"):
        with pytest.raises(SystemExit):
            cli.run([command])
    (psql, at_postgres), (client, at_redis) = became
    assert psql[1:] == ["postgresql://fair@db.example/x?sslmode=require"]
    assert at_postgres["PGPASSWORD"] == at_redis["REDISCLI_AUTH"] == "p@ss"
    assert client[1:] == ["-h", "cache.example", "-p", "6380", "-n", "2", "--user", "queue", "--tls"]


def test_logs_of_all_roles_or_of_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["logs", "--data", str(tmp_path)]) == cli.FAILED
    assert "only `fairgate up` and `demo` keep them" in capsys.readouterr().err
    log_files.prepare(tmp_path)
    for role in log_files.OURS:
        (tmp_path / log_files.FILES[role]).write_text("".join(f"{role} {n}\n" for n in range(300)))
    assert cli.run(["logs", "--data", str(tmp_path), "-n", "2"]) == cli.DONE
    assert [it.split() for it in capsys.readouterr().out.splitlines()] == [
        *(["web", "web", "298"], ["web", "web", "299"]),
        *(["worker", "worker", "298"], ["worker", "worker", "299"]),
    ]
    assert cli.run(["logs", "worker", "--data", str(tmp_path), "-n", "1"]) == cli.DONE
    assert capsys.readouterr().out == "worker 299\n"


def test_a_log_is_renamed_when_it_is_too_large(tmp_path: Path) -> None:
    log_files.prepare(tmp_path)
    large, small = tmp_path / "logs/web.log", tmp_path / "logs/worker.log"
    small.write_text("line\n")
    with large.open("w") as file:
        file.truncate(log_files.SIZE_MAX + 1)
    log_files.rotate(tmp_path)
    assert (large.exists(), small.exists(), (tmp_path / "logs/web.log.1").exists()) == (False, True, True)
