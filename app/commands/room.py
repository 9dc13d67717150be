"""room create | list | show | open | ... | delete: operations on rooms of sales and of sites.

Importing and exporting their settings: `room_file`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from app.commands import room_file
from app.commands.command_settings import Data, on_stores
from app.commands.room_file import RoomArgument
from app.core.account import COMMAND_LINE
from app.core.formats import PATTERN_MEANS, SLUG
from app.core.model import Room, RoomId, RoomSettings, RoomStatus
from app.core.waiting_room.rules import RoomAction
from app.settings import Settings
from app.store.connections import Stores
from app.waiting_room import control, emptying, queue, room_lists
from app.waiting_room.advance import COUNT_MAX
from app.waiting_room.advance import advance as let_in
from app.waiting_room.queue import Queues

T = TypeVar("T")

TEXTS = {
    field.encode_name
    # type_info returns a StructType
    for field in msgspec.inspect.type_info(RoomSettings).fields  # type: ignore[attr-defined]
    if isinstance(field.type, msgspec.inspect.StrType)
}

app = typer.Typer(help="Create, list, configure, open, reset and delete rooms.", rich_markup_mode=None)


WHY_NOT_MORE = {
    "nobody": "nobody else waits",
    "cap": "active_visitors_max is reached",
    "tickets": "no more tickets are free",
    "skipped": "the others want more tickets than are free, or too many of their network have not claimed",
}
app.command("export")(room_file.export)
app.command("import")(room_file.import_)


def _on_queues(data: Data, operation: Callable[[Queues], Awaitable[T]]) -> T:
    async def with_line(stores: Stores, settings: Settings) -> T:
        return await operation(queue.open_queues(stores, settings))

    return on_stores(data, with_line)


@app.command()
def create(
    room: RoomArgument,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Room settings.", show_default=False)
    ] = None,
    *,
    opened: Annotated[bool, typer.Option("--open", help="Open it at once.")] = False,
    data: Data = None,
) -> None:
    """Create a room without an event, for another site.

    Example: room create shop target_url=https://shop.example/ active_visitors_max=500 --open
    """
    if not re.match(SLUG, room):
        raise typer.BadParameter(f"ROOM {PATTERN_MEANS[SLUG]}")
    room_id = RoomId(room)
    values = {"name": room, **dict(_change(it) for it in settings or [])}

    async def make(queues: Queues) -> Room:
        definition = control.read_settings(values)
        created = await control.create_room(queues, room_id, definition, by=COMMAND_LINE)
        return (
            await control.set_state(queues, created.room_id, "open", by=COMMAND_LINE) if opened else created
        )

    new_room = _on_queues(data, make)
    print(f"{new_room.room_id} is {new_room.state}")


@app.command()
def delete(
    room: RoomArgument,
    *,
    force: Annotated[bool, typer.Option("--force", help="Even while visitors wait or are inside.")] = False,
    data: Data = None,
) -> None:
    """Delete a room without an event, with all places, sessions and passes."""
    room_id = RoomId(room)
    _on_queues(data, lambda queues: emptying.delete_room(queues, room_id, force=force, by=COMMAND_LINE))
    print(f"{room} is deleted")


@app.command()
def reset(room: RoomArgument, *, data: Data = None) -> None:
    """Remove everybody and restart numbers at 1; settings and state stay."""
    done = _on_queues(data, lambda queues: emptying.reset_room(queues, RoomId(room), by=COMMAND_LINE))
    print(f"{done.room_id} is reset and {done.state}")


@app.command()
def advance(
    room: RoomArgument,
    count: Annotated[int, typer.Argument(min=1, max=COUNT_MAX, help="How many to admit.")],
    *,
    data: Data = None,
) -> None:
    """Admit the first visitors in the queue by hand, even while the room is paused."""
    done = _on_queues(data, lambda queues: let_in(queues, RoomId(room), count, by=COMMAND_LINE))
    why = f": {WHY_NOT_MORE[done.limit]}" if done.limit else ""
    print(f"{room}: {done.called} of {count} let in{why}; {done.status.waiting} wait")


@app.command("list")
def list_rooms(*, data: Data = None) -> None:
    """List all rooms: waiting, inside, admitted per minute."""
    rooms = _on_queues(data, _all_rooms)
    rows: list[tuple[str, ...]] = [
        ("ROOM", "STATE", "WAITING", "CALLED", "ACTIVE", "PER MINUTE", "AVAILABLE", "KIND")
    ]
    rows += [_row(room, status) for room, status in rooms]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


async def _all_rooms(queues: Queues) -> list[tuple[Room, RoomStatus]]:
    listed: list[tuple[Room, RoomStatus]] = []
    for offset in range(0, await room_lists.count(queues, False), room_lists.LISTED_MAX):
        listed += await room_lists.page(queues, False, offset=offset)
    return listed


def _row(room: Room, status: RoomStatus) -> tuple[str, ...]:
    available = "-" if status.available is None else str(status.available)
    rate = str(room.settings.admission_rate_per_minute)
    inside = str(status.called), str(status.active)
    kind = "site" if room.event_id is None else "sale"
    return room.room_id, status.state, str(status.waiting), *inside, rate, available, kind


@app.command()
def show(room: RoomArgument, *, data: Data = None) -> None:
    """Show one room and its settings as JSON."""
    current, status = _on_queues(data, lambda queues: queue.status(queues, RoomId(room)))
    document: dict[str, Any] = {
        "room_id": current.room_id,
        "event_id": current.event_id,
        "state": status.state,
    }
    document["kind"] = "site" if current.event_id is None else "sale"
    for name in ("serving_position", "last_number", "waiting", "called", "active", "outflow_per_minute"):
        document[name] = getattr(status, name)
    document["available"] = status.available
    document["settings"] = msgspec.to_builtins(current.settings)
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
    """Change settings, effective at the next tick. Example: room set demo admission_rate_per_minute=900"""
    patch = dict(_change(change) for change in changes)
    changed = _on_queues(data, lambda queues: control.configure(queues, RoomId(room), patch, by=COMMAND_LINE))
    values = msgspec.to_builtins(changed.settings)
    print(f"{changed.room_id}: " + ", ".join(f"{name}={values[name]}" for name in patch))


def _change(text: str) -> tuple[str, Any]:
    """Parse a setting and its value: JSON if it is valid (`null`, 5, true), otherwise text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not key=value")
    if name in TEXTS:
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
