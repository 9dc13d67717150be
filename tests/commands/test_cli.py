"""The command line's commands and exit codes, without starting anything."""

from __future__ import annotations

import pytest

from app import cli
from app.core.errors import CannotRun, RoomNotFound, StoreUnavailable


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["up", "--nonsense"],
        ["up", "extra"],
        ["up", "--port", "65536"],
        ["up", "--port", "http"],
        ["up", "--web", "0"],
        ["up", "--workers", "0"],
        ["up", "--server", "apache"],
        ["demo", "--fans", "-1"],
        ["migrate"],
        ["migrate", "new"],
        ["room"],
        ["room", "open"],
        ["room", "set", "demo"],
        ["room", "set", "demo", "message"],
        ["room", "set", "demo", "=5"],
        ["room", "create"],
        ["room", "create", "My Shop"],
        ["room", "advance", "shop"],
        ["room", "advance", "shop", "none"],
        ["room", "import"],
        ["event", "import"],
        ["check"],
        ["check", "demo", "--all"],
        ["reconcile"],
        ["reconcile", "demo", "--all"],
        ["token", "--role", "king", "--sub", "me"],
        ["token", "--role", "user"],
        ["token", "--sub", "me"],
        ["token", "--role", "user", "--sub", ""],
        ["token", "--role", "user", "--sub", "a\nb"],
        ["keys"],
        ["load", "--scenario", "picnic"],
        ["load", "--fans", "0"],
        ["load", "--seconds", "100000"],
        ["load", "--host", "example.org"],
        ["gate"],
        ["gate", "--origin", "http://127.0.0.1", "--port", "0"],
        ["admin"],
        ["admin", "create"],
        ["admin", "create", "--email", "a@b.c"],
        ["admin", "create", "--email", "nobody", "--name", "Ann"],
        ["admin", "create", "--email", "a@b.c", "--name", ""],
        ["admin", "create", "--email", "a@b.c", "--name", "Ann", "--role", "user"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_and_one_line_that_points_to_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == cli.WRONG_USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("fairgate: ")
    assert "--help`" in err


COMMANDS = (
    "up", "demo", "web", "worker", "env", "migrate up", "migrate down", "migrate new", "room list",
    "room show",
    "room open", "room pause", "room resume", "room close", "room set", "room create", "room delete",
    "room reset", "room advance", "room export", "room import", "event import", "check", "token",
    "reconcile", "site list", "site set", "site remove", "site find", "keys rotate", "admin create",
    "load", "doctor", "gate",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_contract_is_there_and_finds_its_installation(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*command.split(), "--help"]) == cli.DONE
    out, err = capsys.readouterr()
    assert err == ""
    assert ("--data" in out) is (command != "migrate new")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CannotRun("say this"), cli.FAILED),
        (RoomNotFound("say this"), cli.FAILED),
        (StoreUnavailable("say this"), cli.FAILED),
        (ConnectionRefusedError("say this"), cli.FAILED),
        (RuntimeError("say\nthis"), cli.FAILED),
    ],
    ids=repr,
)
def test_every_failure_is_one_line(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    assert cli.run(["env"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "say" in err


def test_ctrl_c_says_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupt)
    assert cli.run(["env"]) == cli.INTERRUPTED
    assert capsys.readouterr().err == ""
