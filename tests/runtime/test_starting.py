"""What a process loads on startup: tests and supervisors start many, and each one pays for every import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.runtime import child_process

pytestmark = pytest.mark.slow

MIGRATING = {"alembic", "sqlalchemy", "mako"}
SERVING = {"quart", "flask", "hypercorn", "granian", "limits", "jinja2", "httpx", "arq"}
SELDOM = {  # loaded by the first request that needs them, or the first message to send
    "email_validator",
    "fontTools",
    "fpdf",
    "httpx",
    "icalendar",
    "markdown_it",
    "py_arkworks_bls12381",
    "xlsxwriter",
    "zxcvbn",
}
UNUSED = {"coredis", "pygments", "rich", "valkey"}  # others load them if they are installed
LOADING = {"locust", "gevent", "geventhttpclient", "load"}
A_COMMAND = "from app import cli; cli.run({!r}.split())"


def loaded(code: str) -> set[str]:
    """The names of all modules that a process has loaded after this code."""
    listed = f"import sys; {code}; print('loaded', *sys.modules)"
    run = subprocess.run(
        [sys.executable, "-P", "-c", listed],
        env=child_process.module_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(run.stdout.splitlines()[-1].split()[1:])


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def commands(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("app.commands.")} - {"app.commands.command_settings"}


def test_the_command_line_itself_loads_typer_and_nothing_else_of_others() -> None:
    modules = loaded(A_COMMAND.format("--version"))
    assert commands(modules) == set()
    assert packages(modules) & (MIGRATING | SERVING | SELDOM | LOADING) == set()
    assert (
        packages(modules) & {"rich", "pydantic", "msgspec", "structlog", "redis", "asyncpg", "yaml"} == set()
    )


def test_all_commands_together_load_nothing_that_only_what_they_start_needs() -> None:
    modules = loaded(A_COMMAND.format("--help"))
    assert {"app.commands.running", "app.commands.migrate", "app.commands.load"} < commands(modules)
    assert packages(modules) & (MIGRATING | SERVING | SELDOM | LOADING | {"worker"}) == set()


@pytest.mark.parametrize(
    ("command", "role", "without"),
    [
        ("web", "app.runtime.serve", MIGRATING | SELDOM | LOADING | UNUSED | {"worker", "yaml"}),
        (
            "worker",
            "worker.main",
            MIGRATING | SELDOM | LOADING | UNUSED | {"quart", "hypercorn", "granian", "argon2"},
        ),
        ("up", "app.runtime.supervisor", SERVING | SELDOM | LOADING | UNUSED | {"worker", "yaml"}),
    ],
)
def test_each_process_loads_what_it_works_with_and_no_other_command(
    command: str, role: str, without: set[str]
) -> None:
    modules = loaded(f"{A_COMMAND.format(f'{command} --help')}; import {role}")
    assert packages(modules) & without == set()
    assert commands(modules) == {"app.commands.running"}
