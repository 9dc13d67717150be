"""room export | import: the settings of a room as a file, to store, compare or transfer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from app.commands import event_file
from app.commands.command_settings import CommandFailed, Data, on_stores
from app.core.account import COMMAND_LINE
from app.core.catalogue.definition_errors import find_room_errors
from app.core.model import RoomId, RoomSettings
from app.settings import Settings
from app.store.away import stores_answer
from app.store.connections import Stores
from app.waiting_room import queue
from app.waiting_room.room_import import Import, import_room
from app.web.documents.waiting_room import settings_document

SHOWN_CHARS = 100  # per value in the list of changes

RoomArgument = Annotated[str, typer.Argument(metavar="ROOM", help="The room_id.")]


def export(
    room: RoomArgument,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="YAML, or JSON in a file named .json. Default: stdout."),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of YAML on stdout.")] = False,
    data: Data = None,
) -> None:
    """Write all settings of a room to a file, including bypass rules; it contains no secrets."""

    async def read(stores: Stores, settings: Settings) -> dict[str, Any]:
        with stores_answer():
            current = await queue.open_queues(stores, settings).loaded_rooms.read(RoomId(room))
        return _document(room, current.settings)

    document = on_stores(data, read)
    in_json = as_json if file is None else file.suffix == ".json"
    text = _json(document) if in_json else event_file.yaml_text(document)
    if file is None:
        print(text, end="")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror}") from None
    print(f"exported room {room} to {file}")


def _document(room: str, settings: RoomSettings) -> dict[str, Any]:
    document = {"room_id": room, **msgspec.to_builtins(settings_document(settings))}
    document["bypass"] = [
        {name: value for name, value in rule.items() if value} for rule in document["bypass"]
    ]
    return document


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As written by `room export`.")],
    *,
    name: Annotated[
        str | None, typer.Option("--as", metavar="ROOM", help="room_id to use instead of the file's.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the changes without applying them.")
    ] = False,
    data: Data = None,
) -> None:
    """Create or change a room from a file, or list everything wrong with the file.

    Shows each setting that changes. Settings that the file does not mention stay as they are.
    """
    document = _read(file, name)
    room_id = RoomId(document.pop("room_id"))

    async def write(stores: Stores, settings: Settings) -> Import:
        queues = queue.open_queues(stores, settings)
        return await import_room(queues, room_id, document, dry_run=dry_run, by=COMMAND_LINE)

    done = on_stores(data, write)
    for line in _changes(done):
        print(line)
    print(_outcome(room_id, done, dry_run))


def _read(file: Path, name: str | None) -> dict[str, Any]:
    """The file's document, under the room's new name. Raises InvalidFile, CommandFailed."""

    def errors(document: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if name is not None and isinstance(document, dict):
            document["room_id"] = name
        yield from find_room_errors(document)

    try:
        return event_file.read_document(file, errors)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from None
    except event_file.InvalidFile as error:
        if len(error.faults) > 1:
            print("\n".join(f"{file}, {fault}" for fault in error.faults))
        raise


def _changes(done: Import) -> Iterator[str]:
    for name in done.changed:
        before = f"{_setting_text(done.before, name)} -> " if done.before else ""
        yield f"  {name}: {before}{_setting_text(done.after, name)}"


def _setting_text(settings: RoomSettings, name: str) -> str:
    text = json.dumps(msgspec.to_builtins(getattr(settings, name)), ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}... ({len(text)} characters)"


def _outcome(room_id: RoomId, done: Import, dry_run: bool) -> str:
    if done.before is None:
        return f"room {room_id} {'would be' if dry_run else 'is'} created"
    if not done.changed:
        return f"room {room_id} already has these settings"
    return f"room {room_id} {'would be' if dry_run else 'is'} changed"
