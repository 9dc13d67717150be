"""load: simulated visitors against this or another machine. `load/` runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.command_settings import CommandFailed
from app.runtime import child_process, installation

Scenario = Literal["rush", "steady", "reconnect", "abandoners", "bots", "gate"]

GATE = "gate"  # not a sale: browsers at a shop behind the gate, without Locust


def load(
    *,
    scenario: Annotated[Scenario, typer.Option(help="What the crowd does.")] = "rush",
    fans: Annotated[int, typer.Option(min=1, max=50_000, help="Visitors.")] = 500,
    seconds: Annotated[int, typer.Option(min=5, max=3_600, help="Maximum duration of the run.")] = 120,
    host: Annotated[
        str, typer.Option(help="http(s)://HOST[:PORT]; default: an installation of its own.")
    ] = "",
    room: Annotated[str, typer.Option(help="An existing room; default: create a sale.")] = "",
    server: Annotated[
        Literal["hypercorn", "granian"], typer.Option(help="Web server of a new installation.")
    ] = "granian",
    web: Annotated[
        bool, typer.Option("--web", help="Open Locust's web page instead of starting at once.")
    ] = False,
    web_port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of that page.")] = 8089,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Data folder of a running installation whose stores are checked, too.", show_default=False
        ),
    ] = None,
) -> None:
    """Send simulated visitors; ends with a verdict: oversold, lost, stranded, over-admitted."""
    if host and not host.startswith(("http://", "https://")):
        raise typer.BadParameter("--host takes an address that begins with http:// or https://")
    if scenario != GATE and find_spec("locust") is None:
        raise CommandFailed("Locust is not installed; install it with: pip install 'fairgate[load]'")
    order = {
        "scenario": scenario,
        "fans": fans,
        "seconds": seconds,
        "host": host,
        "room": room,
        "server": server,
        "web": web,
        "web_port": web_port,
        "data": str(data or _running_url()),
    }
    raise typer.Exit(_run("load.gate.run" if scenario == GATE else "load.run", order))


def _run(module: str, order: Mapping[str, object]) -> int:
    """Run a module of `load` in its own process, because Locust's gevent patches libraries; returns the
    exit code."""
    command = [sys.executable, "-P", "-m", module, json.dumps(order)]
    child = subprocess.Popen(command, env=child_process.module_environment())
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # it got the signal, too, and exits normally with its verdict
            continue


def _running_url() -> str:
    """The installation in FAIRGATE_DATA, if it runs. Never the per-user folder, to prevent accidents."""
    named = os.environ.get("FAIRGATE_DATA", "")
    return named if named and installation.running(Path(named)) else ""
