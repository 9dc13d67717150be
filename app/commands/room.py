"""room list | show | open | pause | resume | close | set: what an operator does to a sale that runs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from app.commands.settled import Data, on_stores
from app.core.account import COMMAND_LINE
from app.core.model import Room, RoomId, RoomSettings, RoomStatus
from app.core.rules import RoomAction
from app.settings import Settings
from app.store.connections import Stores
from app.waiting_room import control, queue, room_lists
from app.waiting_room.queue import Queues

T = TypeVar("T")
RoomArgument = Annotated[str, typer.Argument(metavar="ROOM", help="The room_id.")]

TEXTS = {
    field.encode_name
    for field in msgspec.inspect.type_info(RoomSettings).fields  # type: ignore[attr-defined]  # of a StructType
    if isinstance(field.type, msgspec.inspect.StrType)
}

app = typer.Typer(help="List rooms; open, pause, resume, close and configure one.", rich_markup_mode=None)


def _on_queues(data: Data, operation: Callable[[Queues], Awaitable[T]]) -> T:
    async def with_line(stores: Stores, settings: Settings) -> T:
        return await operation(queue.open_queues(stores, settings))

    return on_stores(data, with_line)


@app.command("list")
def list_rooms(*, data: Data = None) -> None:
    """List all rooms: waiting, inside, admitted per minute."""
    rooms = _on_queues(data, _all_rooms)
    rows = [("ROOM", "STATE", "WAITING", "CALLED", "ACTIVE", "PER MINUTE", "AVAILABLE")]
    rows += [_row(room, status) for room, status in rooms]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


async def _all_rooms(queues: Queues) -> list[tuple[Room, RoomStatus]]:
    found: list[tuple[Room, RoomStatus]] = []
    for offset in range(0, await room_lists.count(queues, False), room_lists.LISTED_MAX):
        found += await room_lists.page(queues, False, offset=offset)
    return found


def _row(room: Room, status: RoomStatus) -> tuple[str, str, str, str, str, str, str]:
    available = "-" if status.available is None else str(status.available)
    rate = str(room.settings.admission_rate_per_minute)
    inside = str(status.called), str(status.active)
    return room.room_id, status.state, str(status.waiting), *inside, rate, available


@app.command()
def show(room: RoomArgument, *, data: Data = None) -> None:
    """Show one room and its settings as JSON."""
    shown, status = _on_queues(data, lambda queues: queue.status(queues, RoomId(room)))
    document: dict[str, Any] = {"room_id": shown.room_id, "event_id": shown.event_id, "state": status.state}
    for name in ("serving_position", "last_number", "waiting", "called", "active", "outflow_per_minute"):
        document[name] = getattr(status, name)
    document["available"] = status.available
    document["settings"] = msgspec.to_builtins(shown.settings)
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _act(room: str, action: RoomAction, data: Data) -> None:
    changed = _on_queues(
        data, lambda queues: control.set_state(queues, RoomId(room), action, by=COMMAND_LINE)
    )
    print(f"{changed.room_id} is {changed.state}")


@app.command("open")
def open_room(room: RoomArgument, *, data: Data = None) -> None:
    """Open the sale."""
    _act(room, "open", data)


@app.command()
def pause(room: RoomArgument, *, data: Data = None) -> None:
    """Pause the sale: nobody is called, visitors can still join."""
    _act(room, "pause", data)


@app.command()
def resume(room: RoomArgument, *, data: Data = None) -> None:
    """Resume after a pause."""
    _act(room, "resume", data)


@app.command()
def close(room: RoomArgument, *, data: Data = None) -> None:
    """Close the sale: nobody joins or is called; running sessions continue."""
    _act(room, "close", data)


@app.command("set")
def set_room(
    room: RoomArgument,
    changes: Annotated[list[str], typer.Argument(metavar="KEY=VALUE", help="Room settings.")],
    *,
    data: Data = None,
) -> None:
    """Change settings, from the next tick on. Example: room set demo admission_rate_per_minute=900"""
    patch = dict(_change(change) for change in changes)
    changed = _on_queues(data, lambda queues: control.configure(queues, RoomId(room), patch, by=COMMAND_LINE))
    values = msgspec.to_builtins(changed.settings)
    print(f"{changed.room_id}: " + ", ".join(f"{name}={values[name]}" for name in patch))


def _change(text: str) -> tuple[str, Any]:
    """A setting and its value: text as it is, anything else as JSON (`null`, 5, true) if it is JSON."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not key=value")
    if name in TEXTS:
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
