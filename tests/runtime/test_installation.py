"""The data folder: its lock, its secret, and the file through which other commands find the stores."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from app.runtime import installation
from app.runtime.installation import Installation, InstallationRefused, Member
from app.settings import Settings

HERE = Member.of("up", os.getpid())
GONE = msgspec.structs.replace(HERE, started_s=HERE.started_s - 3600)  # our pid, an hour before we started


def an_installation(supervisor: Member = HERE, children: list[Member] | None = None) -> Installation:
    return Installation(
        supervisor, "http://127.0.0.1:1", "redis://r", "redis://q", "postgresql://p", children or []
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return installation.prepare(tmp_path / "data")


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """A process that does nothing for a minute."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_the_file_is_read_back_and_readable_by_its_owner_alone(data: Path) -> None:
    installation.save(data, an_installation())
    assert installation.saved(data) == installation.running(data) == an_installation()
    assert stat.S_IMODE((data / "run.json").stat().st_mode) == 0o600
    installation.forget(data)
    assert installation.saved(data) is None


def test_a_file_whose_writer_is_gone_says_nothing(data: Path) -> None:
    installation.save(data, an_installation(GONE))
    assert installation.saved(data) is not None
    assert installation.running(data) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"supervisor": 1}'])
def test_a_broken_file_says_nothing(data: Path, text: str) -> None:
    (data / "run.json").write_text(text)
    assert installation.running(data) is None
    assert installation.stop_leftovers(data) == []


def test_the_environment_wins_over_the_file(data: Path) -> None:
    installation.save(data, an_installation())
    found = installation.resolve(Settings(data=data))
    assert (found.redis_url, found.queue_url, found.database_url) == (
        "redis://r",
        "redis://q",
        "postgresql://p",
    )
    found = installation.resolve(Settings(data=data, redis_url="redis://mine"))
    assert (found.redis_url, found.queue_url, found.database_url) == (
        "redis://mine",
        "redis://mine",
        "postgresql://p",
    )


def test_the_secret_is_made_once_and_kept(data: Path) -> None:
    assert installation.resolve(Settings(data=data)).secret.get_secret_value() == ""
    made = installation.secret(data)
    assert installation.secret(data) == made
    assert installation.resolve(Settings(data=data)).secret == made
    assert len(made.get_secret_value()) >= 32


def test_a_folder_is_locked_for_one(data: Path) -> None:
    with installation.locked(data):
        with pytest.raises(InstallationRefused, match=f"pid {os.getpid()}"), installation.locked(data):
            pass
    with installation.locked(data):
        pass


def test_leftovers_of_a_crash_are_stopped(data: Path, sleeper: psutil.Process) -> None:
    left = Member.of("worker", sleeper.pid)
    installation.save(data, an_installation(GONE, [left]))
    assert installation.stop_leftovers(data) == ["worker"]
    assert left.find() is None


def test_a_stranger_with_a_recorded_pid_is_left_alone(data: Path, sleeper: psutil.Process) -> None:
    same = Member.of("worker", sleeper.pid)
    earlier = msgspec.structs.replace(same, started_s=same.started_s - 3600)
    before_the_boot = msgspec.structs.replace(same, boot="another")
    installation.save(data, an_installation(GONE, [earlier, before_the_boot]))
    assert installation.stop_leftovers(data) == []
    assert sleeper.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_is_known_by_what_the_wall_clock_does_not_change() -> None:
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert abs(HERE.started_s - ticks / os.sysconf("SC_CLK_TCK")) < 1


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InstallationRefused, match="--data"):
        installation.prepare(tmp_path / "file" / "data")
