"""The command line. Every failure is one line on stderr; exit code 1: failed, 2: asked in the wrong way."""

from __future__ import annotations

import os
import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from app.commands import admin, doctor, event, load, migrate, operating, room, running, simulate, webhook
from app.commands.settled import WrongSetting
from app.core.errors import CannotRun, Refusal
from app.store.connections import STORE_AWAY, WrongAddress

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(name="fairgate", add_completion=False, rich_markup_mode=None)
app.command()(running.up)
app.command()(running.web)
app.command()(running.worker)
app.command()(running.demo)
app.command()(running.env)
app.command()(simulate.simulate)
app.command()(operating.check)
app.command()(doctor.doctor)
app.command()(operating.reconcile)
app.command()(operating.token)
app.command()(load.load)
app.add_typer(operating.keys, name="keys")
app.add_typer(room.app, name="room")
app.add_typer(event.app, name="event")
app.add_typer(admin.app, name="admin")
app.add_typer(webhook.app, name="webhook")
app.add_typer(migrate.app, name="migrate")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"fairgate {version('fairgate')}")
        raise typer.Exit


@app.callback()
def fairgate(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A virtual waiting room and reservation engine for flash sales."""


def main() -> None:
    """The entry point of the `fairgate` program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code. No exception leaves."""
    try:
        return app(arguments, prog_name="fairgate", standalone_mode=False) or DONE
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "fairgate"
        _tell(f"{error.format_message()} (see `{command} --help`)")
        return error.exit_code
    except (WrongSetting, WrongAddress) as error:
        _tell(str(error))
        return WRONG_USAGE
    except (CannotRun, Refusal) as error:
        _tell(str(error))
        return FAILED
    except (KeyboardInterrupt, Abort):
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except STORE_AWAY as error:
        _tell(f"a store is away: {error or type(error).__name__}; try again when it is back")
        return FAILED
    except Exception as error:  # entry point: whatever it is, the operator gets one line
        if os.environ.get("FAIRGATE_LOG_LEVEL") == "debug":
            traceback.print_exc()
        _tell(f"unexpected {type(error).__name__}: {error} (FAIRGATE_LOG_LEVEL=debug shows where)")
        return FAILED


def _tell(line: str) -> None:
    print(f"fairgate: {' '.join(line.split())}", file=sys.stderr, flush=True)
