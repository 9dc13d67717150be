"""The command line. Every failure is one line on stderr; exit code 1: failed, 2: wrong usage."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException
from typer.main import get_command, get_group

from app.core.errors import CannotRun, Refusal, WrongUsage

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

COMMANDS = {  # the location of each in `app.commands`: a function, or the Typer app of its subcommands
    "up": "running:up",
    "web": "running:web",
    "worker": "running:worker",
    "demo": "demo:demo",
    "env": "running:env",
    "simulate": "simulate:simulate",
    "check": "operating:check",
    "audit": "audit:audit",
    "witness": "witness:witness",
    "doctor": "doctor:doctor",
    "config": "config:app",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "reconcile": "operating:reconcile",
    "logs": "shells:logs",
    "psql": "shells:psql",
    "redis-cli": "shells:redis_cli",
    "token": "operating:token",
    "load": "load:load",
    "keys": "operating:keys",
    "room": "room:app",
    "site": "site:app",
    "gate": "gate:gate",
    "event": "event:app",
    "admin": "admin:app",
    "api-key": "api_key:app",
    "webhook": "webhook:app",
    "migrate": "migrate:app",
}


class LazyGroup(TyperGroup):
    """Loads commands on demand: every Fairgate process runs one, and loading all of them is slow."""

    def list_commands(self, _ctx: object) -> list[str]:
        """Return their names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, _ctx: object, name: str) -> Any:
        """Return the command of this name, or None."""
        for wanted in [name] if name in COMMANDS else COMMANDS:  # all, to suggest what was meant
            if wanted not in self.commands:
                self.add_command(_command(wanted), wanted)
        return self.commands.get(name)


def _command(name: str) -> Any:
    module, _, attribute = COMMANDS[name].partition(":")
    found = getattr(import_module(f"app.commands.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group = get_group(found)
        group.name = name  # used by the generated reference
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(found)
    return get_command(alone)


app = typer.Typer(name="fairgate", cls=LazyGroup, add_completion=False, rich_markup_mode=None)


def _print_version(wanted: bool) -> None:
    if wanted:
        from app.version import build

        print(f"fairgate {build()}")
        raise typer.Exit


@app.callback()
def fairgate(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and its commit."
        ),
    ] = False,
) -> None:
    """A virtual waiting room and reservation engine for flash sales."""


def main() -> None:
    """The entry point of the `fairgate` program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. No exception escapes."""
    try:
        return app(arguments, prog_name="fairgate", standalone_mode=False) or DONE
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "fairgate"
        _print_error(f"{error.format_message()} (see `{command} --help`)")
        return error.exit_code
    except WrongUsage as error:
        _print_error(str(error))
        return WRONG_USAGE
    except (CannotRun, Refusal) as error:
        _print_error(str(error))
        return FAILED
    except (KeyboardInterrupt, Abort):
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # entry point: the operator gets one line in any case
        _print_error(_unexpected(error))
        return FAILED


def _unexpected(error: Exception) -> str:
    from app.store.away import STORE_AWAY  # here, because it imports the drivers of both stores

    if isinstance(error, STORE_AWAY):
        return f"a store is unavailable: {error or type(error).__name__}; try again when it is back"
    if os.environ.get("FAIRGATE_LOG_LEVEL") == "debug":
        traceback.print_exception(error)
    return f"unexpected {type(error).__name__}: {error} (FAIRGATE_LOG_LEVEL=debug shows where)"


def _print_error(line: str) -> None:
    print(f"fairgate: {' '.join(line.split())}", file=sys.stderr, flush=True)
