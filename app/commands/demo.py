"""demo: a sale to watch, or a story told call by call."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import psutil
import typer

from app import logs
from app.accounts import accounts
from app.commands.command_settings import Data, read_settings
from app.commands.running import HOST, PORT, Host, Port, Server, UpOpsPort, Web, Workers
from app.runtime import installation
from app.settings import SIMULATED, Settings
from app.store.connections import connected

if TYPE_CHECKING:  # imported inside the functions below, because other commands do not need it
    from app.demo.story import Story
    from app.runtime import supervisor

StoryName = Literal["success", "failures"]


def demo(
    *,
    fans: Annotated[int, typer.Option(min=0, max=20_000, help="Number of simulated fans.")] = 400,
    once: Annotated[bool, typer.Option("--once", help="Send the crowd once, not forever.")] = False,
    open_: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the console in a browser, if run in a terminal.")
    ] = True,
    story_name: Annotated[
        StoryName | None,
        typer.Option(
            "--story",
            help="Play a story and exit: each call and its answer; exit code 1 if one is unexpected.",
        ),
    ] = None,
    url: Annotated[str, typer.Option(help="Play the story on this running installation; needs --key.")] = "",
    key: Annotated[str, typer.Option(help="An admin's API key or access token; - reads it from stdin.")] = "",
    host: Host = HOST,
    port: Port = PORT,
    server: Server = "hypercorn",
    web: Web = 1,
    workers: Workers = 1,
    ops_port: UpOpsPort = 0,
    data: Data = None,
) -> None:
    """Run `up` with a concert on sale and a crowd of simulated fans; or play a story."""
    if url or key:
        _play_story_at(story_name, url, key)
        return
    from app.runtime import supervisor

    with _folder(data, story_name) as folder:
        shown = {"payments": SIMULATED, "demo": story_name is None}
        settings = read_settings(folder).model_copy(update=shown)
        logs.configure(settings, "up")
        free = 0 if story_name and port == PORT else port  # the port of a story does not matter
        plan = supervisor.Plan(settings, host, free, server, web, workers, ops_port)
        opens = open_ and sys.stdout.isatty()
        on_ready = _with_story(story_name) if story_name else _with_fans(fans, once, opens)
        asyncio.run(supervisor.run(plan, on_ready))


def _play_story_at(story_name: StoryName | None, url: str, key: str) -> None:
    """Play a story on an installation that others use, too; it does no harm."""
    from app.demo import story

    if story_name is None or not url.startswith(("http://", "https://")) or not key:
        raise typer.BadParameter(
            "to tell a story on another installation, give --story, --url http(s)://HOST and --key"
        )
    staff = sys.stdin.readline().strip() if key == "-" else key
    asyncio.run(story.play(_story(story_name), url.rstrip("/"), staff))


def _story(name: StoryName, store: psutil.Process | None = None) -> Story:
    from app.demo.failures import Failures
    from app.demo.success import success

    return success if name == "success" else Failures(store).play


@contextmanager
def _folder(data: Path | None, story: StoryName | None) -> Iterator[Path | None]:
    """The installation's folder. A story uses a temporary one unless a folder was given."""
    if story is None or data is not None or "FAIRGATE_DATA" in os.environ:
        yield data
        return
    os.environ.setdefault("FAIRGATE_LOG_LEVEL", "error")  # logs would disrupt the story
    with tempfile.TemporaryDirectory(prefix="fairgate-story-") as folder:
        yield Path(folder) / "data"


def _with_fans(fans: int, once: bool, opens: bool) -> supervisor.OnReady:
    from app.demo import sale
    from app.runtime import supervisor

    async def on_ready(url: str, settings: Settings) -> None:
        await sale.run(url, settings, sale.Demo(fans, once, opens))
        await supervisor.until_stopped(url, settings)

    return on_ready


def _with_story(name: StoryName) -> supervisor.OnReady:
    from app.demo import story

    async def on_ready(url: str, settings: Settings) -> None:
        async with connected(settings, "command") as stores:
            staff, _ends_at = await accounts.issue_access_token(stores.postgres, "story", "admin")
        await story.play(_story(name, _redis_of(settings)), url, staff)

    return on_ready


def _redis_of(settings: Settings) -> psutil.Process | None:
    """The process of the embedded Redis; None if Redis is run elsewhere."""
    running = installation.running(settings.data)
    pids = [it.pid for it in running.children if it.name == "valkey"] if running else []
    return psutil.Process(pids[0]) if pids else None
