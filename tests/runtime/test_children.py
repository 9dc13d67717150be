"""Child processes: restarted immediately, or after a pause if they keep dying, and never left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from app.runtime import child_process
from app.runtime.child_process import Child, as_role, die_with_parent
from tests.support.waiting import PATIENCE_S


def a_child(program: str) -> Child:
    """A Python program as a child; it is ready once it has written a line."""

    def launch() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)

    return Child("test", launch)


@pytest.fixture
def started() -> Iterator[list[Child]]:
    """Children to end after the test."""
    made: list[Child] = []
    yield made
    for child in made:
        if child.process is not None:
            child.process.kill()
            child.process.communicate()


def reap(child: Child) -> int:
    """Wait for its end and reap it."""
    assert child.process is not None
    child.process.communicate()
    code = child.bury()
    assert code is not None
    return code


def test_the_first_deaths_are_answered_at_once_then_comes_a_pause() -> None:
    child = a_child("raise SystemExit(7)")
    for _ in range(child_process.FREE_RESTARTS):
        child.start()
        assert not child.due
        assert reap(child) == 7
        assert child.due
    child.start()
    reap(child)
    assert not child.due
    assert child.bury() is None


def test_a_pause_never_grows_beyond_what_a_restart_may_take() -> None:
    pauses = [child_process._pause_s(deaths) for deaths in range(100)]
    assert pauses == sorted(pauses)
    assert max(pauses[: child_process.GIVING_UP_AFTER]) < 2
    assert max(pauses) == child_process.RESTART_DELAY_MAX_S


def test_a_polite_stop_and_a_forced_one(started: list[Child]) -> None:
    polite = a_child("import signal; print(flush=True); signal.pause()")
    deaf = a_child("import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()")
    for child in (polite, deaf):
        child.start()
        started.append(child)
        assert child.process is not None
        assert child.process.stdout is not None
        child.process.stdout.readline()
    child_process.stop([polite, deaf], 0.3)
    assert reap(polite) == -signal.SIGTERM
    assert reap(deaf) == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    program = """
import subprocess, signal, sys
from app.runtime.child_process import die_with_parent
child = subprocess.Popen(["sleep", "60"], preexec_fn=die_with_parent(signal.SIGKILL))
print(child.pid, flush=True)
signal.pause()
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    orphan = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    ended, _ = psutil.wait_procs([orphan], timeout=20)
    assert ended == [orphan]


def test_off_linux_there_is_no_such_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_libc", None)
    assert die_with_parent(signal.SIGTERM) is None


def test_a_hangup_before_a_role_can_hear_it_waits_until_it_can(started: list[Child]) -> None:
    program = """
import asyncio, sys
from app.runtime.reloading import on_hangup
from app.settings import Settings

async def main():
    print("starting", flush=True)
    sys.stdin.readline()
    heard = asyncio.Event()
    on_hangup(Settings(), then=heard.set)
    await heard.wait()
    print("heard", flush=True)

asyncio.run(main())
"""

    def launch() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=as_role(),
        )

    child = Child("test", launch)
    child.start()
    started.append(child)
    assert child.process is not None
    assert child.process.stdout is not None
    assert child.process.stdout.readline() == b"starting\n"
    child.send(signal.SIGHUP)
    out, _ = child.process.communicate(b"go on\n", timeout=PATIENCE_S)
    assert (out.splitlines()[-1], child.bury()) == (b"heard", 0)
