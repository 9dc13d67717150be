"""Run `fairgate` commands in forks of a process that has already imported the program, which saves most of
the start-up time.

Each command has its own arguments, environment, working directory and standard streams, and returns its exit
code, as when run from a shell. `tests/platform/test_refusals.py` compares the two ways.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO

from app.runtime.child_process import die_with_parent

STREAMS = 3
REQUEST_MAX = 1_000_000
BEGUN = b"+"  # the byte that carries the file descriptors
LOADED_LATE = (
    "app.store.away",
    "app.runtime.supervisor",
    "app.notifications.channels.webhooks",
    "app.runtime.migrate",
    "app.doctor.examination",
)


@cache
def _address() -> str:
    """The socket of the warm process, which starts with the first command and ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="fairgate-warm-"))
    address = str(folder / "s")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(64)
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(listener.fileno())],
        pass_fds=[listener.fileno()],
        cwd=Path(__file__).parents[2],
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    listener.close()

    def end() -> None:
        process.terminate()
        process.wait()
        Path(address).unlink()
        folder.rmdir()

    atexit.register(end)
    return address


def start(
    arguments: list[str], environment: dict[str, str], cwd: str | None, streams: list[IO[bytes]]
) -> socket.socket:
    """Start a command; its exit code arrives on the returned socket."""
    request = json.dumps([arguments, environment, cwd or os.getcwd()]).encode()
    assert len(request) < REQUEST_MAX
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(_address())
    socket.send_fds(connection, [BEGUN], [it.fileno() for it in streams])
    connection.sendall(request)
    connection.shutdown(socket.SHUT_WR)
    return connection


def exit_code(connection: socket.socket, timeout_s: float) -> int:
    """Wait for a command's exit code. Raises TimeoutError; a killed command sends none."""
    with connection:
        connection.settimeout(timeout_s)
        told = connection.recv(16)
    assert told, "the command was killed"
    return int(told)


def _serve(listener: socket.socket) -> None:
    from app import cli

    for place in cli.COMMANDS.values():
        import_module(f"app.commands.{place.partition(':')[0]}")
    for name in LOADED_LATE:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps them
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _run(connection)
        connection.close()


def _run(connection: socket.socket) -> None:
    """Run one command in the forked process."""
    _, streams, _, _ = socket.recv_fds(connection, len(BEGUN), STREAMS)
    request = b"".join(iter(lambda: connection.recv(65536), b""))
    arguments, environment, cwd = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    random.seed()
    sys.argv = ["fairgate", *arguments]
    from app import cli

    try:
        code: object = cli.run(arguments)
    except SystemExit as error:
        code = error.code or 0
    for written in (sys.stdout, sys.stderr):
        with suppress(OSError):
            written.flush()
    connection.sendall(str(code).encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
