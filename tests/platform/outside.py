"""Fairgate as its operator has it: the installed program, its processes, its exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sysconfig
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.runtime.child_process import die_with_parent
from tests.support import forked_commands
from tests.support.waiting import PATIENCE_S, wait_until

FAIRGATE = str(Path(sysconfig.get_path("scripts")) / "fairgate")
START_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 200.0  # a dozen processes may start beside it
OPS_TOKEN = "of operators, 32 characters ....."
# the header with which operators may see the metrics, and why we are not ready
OPS = {"Authorization": f"Bearer {OPS_TOKEN}"}


def environment(**settings: str) -> dict[str, str]:
    """Our environment without any Fairgate settings, plus these."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"FAIRGATE_|(QUEUE_)?REDIS_URL$|DATABASE_URL$", name)
    }
    return inherited | {"FAIRGATE_OPS_TOKEN": OPS_TOKEN} | settings


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Awaitable[Ended]]  # a command on stores of its own: the fixture `run`


async def fairgate(
    *arguments: str,
    typed: str | None = None,
    program: str = "",
    cwd: str | None = None,
    **settings: str,
) -> Ended:
    """Run one command to its end; `typed` is its whole standard input, as there is no terminal.

    It is forked from a process that has loaded the program, unless a specific `program` is given.
    """
    if program:
        return await _installed(program, *arguments, typed=typed, cwd=cwd, **settings)
    with tempfile.TemporaryFile() as into, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        into.write((typed or "").encode())
        into.seek(0)
        running = forked_commands.start([*arguments], environment(**settings), cwd, [into, out, err])
        code = await asyncio.to_thread(running.exit_code, COMMAND_TIMEOUT_S)
        out.seek(0)
        err.seek(0)
        return Ended(code, out.read().decode(), err.read().decode())


@contextlib.contextmanager
def killed_at_the_end(*arguments: str, **settings: str) -> Iterator[None]:
    """A command that runs during a block, at the end of which it gets `kill -9`; forked like `fairgate`."""
    with open(os.devnull, "r+b") as nothing, os.fdopen(os.dup(2), "wb") as err:
        running = forked_commands.start([*arguments], environment(**settings), None, [nothing, nothing, err])
    try:
        yield
    finally:
        running.kill()


async def _installed(
    program: str, *arguments: str, typed: str | None, cwd: str | None, **settings: str
) -> Ended:
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        cwd=cwd,
        env=environment(**settings),
        stdin=None if typed is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    sent = None if typed is None else typed.encode()
    out, err = await asyncio.wait_for(process.communicate(sent), START_TIMEOUT_S)
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


@dataclass
class Up:
    """A running `fairgate up` (or `demo`)."""

    process: asyncio.subprocess.Process
    url: str
    data: Path
    log: Path
    out: list[str] = field(default_factory=list)

    @property
    def supervisor(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def pids(self, words: str) -> set[int]:
        """Children whose command line contains these words, as `pgrep -f` finds them."""
        found = set()
        for child in self.supervisor.children():
            try:
                if words in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    found.add(child.pid)
            except psutil.NoSuchProcess:
                continue
        return found

    async def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it as Ctrl-C does. Asserts a clean end that leaves nothing behind."""
        family = [self.supervisor, *self.supervisor.children(recursive=True)]
        self.process.send_signal(number)
        code = await asyncio.wait_for(self.process.wait(), PATIENCE_S)
        assert code == 0, self.log.read_text()
        assert [it for it in family if not ended(it)] == []


async def up(
    data: Path,
    *arguments: str,
    command: str = "up",
    program: str = FAIRGATE,
    cwd: str | None = None,
    **settings: str,
) -> Up:
    """Start an installation on a free port and wait for its `ready` line."""
    log = data.with_suffix(".log")
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            program,
            command,
            *("--data", str(data), "--port", "0", *arguments),
            cwd=cwd,
            env=environment(**settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            preexec_fn=die_with_parent(signal.SIGTERM),  # even if the test run itself is killed
        )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)).decode()
    except TimeoutError:
        process.kill()
        raise AssertionError(f"not ready:\n{log.read_text()}") from None
    assert re.fullmatch(r"ready http://\S+:\d+\n", line), f"{line!r}\n{log.read_text()}"
    return Up(process, line.split()[1], data, log, [line])


def ended(process: psutil.Process) -> bool:
    """Whether it no longer runs. It may remain a zombie until init reaps it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def wait_until_gone(pid: int) -> None:
    """Wait until no such process is left."""

    async def is_gone() -> bool:
        try:
            return ended(psutil.Process(pid))
        except psutil.NoSuchProcess:
            return True

    await wait_until(is_gone, f"the end of process {pid}")
