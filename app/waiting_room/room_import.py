"""Creates or changes a room according to a file."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.core.account import Author
from app.core.errors import RoomNotFound
from app.core.model import RoomId, RoomSettings
from app.store.away import stores_answer
from app.waiting_room import control
from app.waiting_room.queue import Queues


class Import(NamedTuple):
    """What an import does, or would do. `before` is None if it creates the room."""

    before: RoomSettings | None
    after: RoomSettings

    @property
    def changed(self) -> list[str]:
        """The names of the settings that change, compared with the defaults if the room is new."""
        before = self.before or RoomSettings(name="")
        names = RoomSettings.__struct_fields__
        return [it for it in names if getattr(before, it) != getattr(self.after, it)]


async def import_room(
    queues: Queues, room_id: RoomId, settings: dict[str, Any], *, dry_run: bool = False, by: Author
) -> Import:
    """Create a room, or change an existing one, with these settings; others keep their values.

    Raises ValidationFailed (naming the field), QueueingMethodLocked, AlreadyExists, StoreUnavailable.
    """
    with stores_answer():
        try:
            room = await queues.loaded_rooms.read(room_id)
        except RoomNotFound:
            parsed = control.read_settings(settings)
            if not dry_run:
                await control.create_room(queues, room_id, parsed, by=by)
            return Import(None, parsed)
    after = control.patched(room, settings)
    if not dry_run:
        after = await control.configure(queues, room_id, settings, by=by)
    return Import(room.settings, after.settings)
