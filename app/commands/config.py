"""config check, config show: the settings as our processes would read them, and the source of each."""

from __future__ import annotations

import json
import os
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from app.commands.command_settings import CommandFailed, Data, read_settings
from app.core.store_urls import split_store_url
from app.settings import Settings
from app.settings_sources import PREFIX, OneFile, SecretFiles, known_variables, variables_of

app = typer.Typer(help="Check and show the settings.", rich_markup_mode=None)

HIDDEN = "********"


class Setting(NamedTuple):
    """A setting: its value as it may be shown, and its source."""

    name: str
    value: str
    source: str


@app.command()
def check(data: Data = None) -> None:
    """Check all settings, and that every name is a setting; changes nothing and connects to nothing."""
    listed = settings_listed(read_settings(data))
    if wrong := unknown_variables():
        raise CommandFailed("; ".join(wrong))
    changed = [it for it in listed if it.source != "default"]
    print(f"all {len(listed)} settings are valid; {len(changed)} of them are set")


@app.command()
def show(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also settings at their default.")] = False,
    data: Data = None,
) -> None:
    """Show each setting and its source; secrets are hidden."""
    listed = [it for it in settings_listed(read_settings(data)) if everything or it.source != "default"]
    if as_json:
        print(json.dumps({it.name: {"value": it.value, "source": it.source} for it in listed}, indent=2))
        return
    if not listed:
        print("every setting has its default value; use --all to show them")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("setting", "value", "from"):
        table.add_column(heading, overflow="fold")
    for it in listed:
        table.add_row(*it)
    Console(soft_wrap=False, highlight=False, markup=False).print(table)


def settings_listed(settings: Settings) -> list[Setting]:
    """All settings by name, with their sources."""
    in_file, in_secrets = OneFile(Settings), SecretFiles(Settings)()
    listed = []
    for name, field in Settings.model_fields.items():
        variables = [it for it in variables_of(name, field) if it in os.environ]
        if variables:
            source = variables[0]
        elif name in in_secrets:
            source = next(f"{it}_FILE" for it in variables_of(name, field) if f"{it}_FILE" in os.environ)
        elif name in in_file():
            source = str(in_file.path)
        else:
            source = "default"
        listed.append(Setting(name, _value_text(getattr(settings, name)), source))
    return listed


def unknown_variables() -> list[str]:
    """What is wrong with the names of our environment variables, one sentence each."""
    names = known_variables(Settings)
    unknown = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in names:
            near = get_close_matches(name, names, n=1)
            unknown.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return unknown


def _value_text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(value)
    text = str(value)
    url = split_store_url(text) if "://" in text else None
    if url and "@" in url.netloc:
        text = text.replace(url.netloc, f"{HIDDEN}@{url.netloc.rpartition('@')[2]}", 1)
    return text
