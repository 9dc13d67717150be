"""Child processes that never outlive us: started, watched, restarted, stopped."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

QUICK_DEATH_S = 3.0  # shorter lives count as quick deaths
FREE_RESTARTS = 3  # consecutive quick deaths restarted without a pause
RESTART_DELAY_S = 1.0  # from then on; still within the 2 s allowed for a restart
GIVING_UP_AFTER = 20  # consecutive quick deaths, after which it will not recover soon
RESTART_DELAY_MAX_S = 10.0

OURS = Path(__file__).parents[2]  # the folder with `app`, `worker` and `load`: `fairgate`, or a checkout

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn`: the kernel sends `death_signal` when the thread that started the child ends.

    So even a `kill -9` of a supervisor leaves nothing behind. Linux only; elsewhere the next `fairgate up`
    stops what a crashed one left.
    """
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it ended between fork and prctl
            os._exit(1)

    return before_exec


def as_role() -> Callable[[], None]:
    """A `preexec_fn` for a process that rereads its settings on SIGHUP: blocks the signal until the
    handler is installed (`reloading.on_hangup`), because until then it would kill the process."""
    before_exec = die_with_parent(signal.SIGKILL)

    def hold_hangups() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        if before_exec is not None:
            before_exec()

    return hold_hangups


def program() -> list[str]:
    """The command line of another Fairgate process, however this one was installed."""
    beside = OURS / "fairgate"
    return [sys.executable, str(beside if beside.is_dir() else OURS)]


def module_environment() -> dict[str, str]:
    """Our environment, for `python -P -m MODULE`; -P keeps modules of the working directory out."""
    path = [str(OURS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


@dataclass
class Child:
    """A process to keep alive: how to launch it, and its state."""

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    _started_at: float = field(default_factory=time.monotonic)
    _quick_deaths: int = 0
    _restart_at: float = 0.0

    def start(self) -> None:
        """Launch it. Returns once it runs, which may be before it responds."""
        self._started_at = time.monotonic()
        self.process = self.launch()

    @property
    def alive(self) -> bool:
        """Whether the process exists."""
        return self.process is not None and self.process.poll() is None

    def bury(self) -> int | None:
        """The exit code (negative: a signal), once, after the process has ended."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.process = None
        self.postpone()
        return code

    def postpone(self) -> None:
        """Schedule the restart: at once, or after a pause if it was restarted recently."""
        now = time.monotonic()
        self._quick_deaths = self._quick_deaths + 1 if now - self._started_at < QUICK_DEATH_S else 0
        self._restart_at = now + _pause_s(self._quick_deaths)

    @property
    def due(self) -> bool:
        """Whether it has ended and its pause is over."""
        return self.process is None and time.monotonic() >= self._restart_at

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it is alive."""
        if self.process is not None and self.alive:
            self.process.send_signal(number)


def _pause_s(deaths: int) -> float:
    if deaths <= FREE_RESTARTS:
        return 0.0
    return RESTART_DELAY_S if deaths < GIVING_UP_AFTER else RESTART_DELAY_MAX_S


def stop(children: Iterable[Child], timeout_s: float) -> None:
    """Stop all of them at the same time, gracefully, then by force. Returns when all have ended."""
    running = [child for child in children if child.alive]
    for child in running:
        child.send(child.stop_signal)
    deadline = time.monotonic() + timeout_s
    for child in running:
        assert child.process is not None
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
