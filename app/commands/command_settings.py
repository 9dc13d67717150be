"""The start of every command: settings, and the stores of the running installation."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from app.core.errors import CannotRun, WrongUsage
from app.runtime import installation
from app.settings import SIMULATED, Settings
from app.settings_sources import file_of_all
from app.store.connections import Stores, connected

T = TypeVar("T")

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data folder. Default: FAIRGATE_DATA, or a per-user data folder.", show_default=False
    ),
]


class WrongSetting(WrongUsage):
    """A setting is invalid; the message names its variable in one line."""


class CommandFailed(CannotRun):
    """The command failed; the message says in one line what to do."""


def settings_of(data: Path | None) -> Settings:
    """The settings; gaps in the environment are filled in from the installation running in `data`."""
    return installation.resolve(read_settings(data))


def read_settings(data: Path | None) -> Settings:
    """The settings from the environment, with `--data` taking precedence."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise WrongSetting(_bad_settings(error)) from None
    if settings.gateway not in ("", SIMULATED):
        from app.payments import gateways  # imports the gateways' dependencies

        gateways.check(settings.gateway)
    return settings if data is None else settings.model_copy(update={"data": data})


def _bad_settings(error: ValidationError) -> str:
    wrong = error.errors(include_input=False, include_url=False)
    problems = [(_variable(str(it["loc"][0])), it["msg"].removeprefix("Value error, ")) for it in wrong]
    return "; ".join(f"the setting {variable} is wrong: {what}" for variable, what in problems)


def _variable(field: str) -> str:
    """The source of a field's value: a variable, or the settings file."""
    name = field.upper().removeprefix("FAIRGATE_")
    variables = (f"FAIRGATE_{name}", name)
    found = next((it for it in variables if it in os.environ), None)
    path = file_of_all()
    if found is None and path is not None and not any(f"{it}_FILE" in os.environ for it in variables):
        return f"{name.lower()} in {path}"
    return found or f"FAIRGATE_{name}"


def with_addresses(settings: Settings) -> Settings:
    """The settings, complete enough to reach both stores. Raises CommandFailed if they are not."""
    missing = [
        name
        for name, value in (("REDIS_URL", settings.redis_url), ("DATABASE_URL", settings.database_url))
        if not value
    ]
    if missing:
        raise CommandFailed(
            f"nothing runs in {settings.data}: start `fairgate up`, give its folder with --data, "
            f"or set {' and '.join(missing)}"
        )
    return settings


def on_stores(data: Path | None, operation: Callable[[Stores, Settings], Awaitable[T]]) -> T:
    """Run one operation on the stores of the installation, and close them."""
    settings = with_addresses(settings_of(data))

    async def connect_and_run() -> T:
        async with connected(settings, "command") as stores:
            return await operation(stores, settings)

    return asyncio.run(connect_and_run())
