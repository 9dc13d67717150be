"""What staff do to a room: create, change, open and close it, remove a visitor.

Changes are written to Postgres first, then to Redis, so a change that was answered successfully survives. If
Redis fails in between, a worker applies the change within a second of its return.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from app import audit
from app.audit import Entity
from app.core import lanes
from app.core.account import AUTOPILOT, Author
from app.core.catalogue.room_settings import check_settings
from app.core.clock import now_ms
from app.core.errors import AlreadyExists, Conflict, QueueingMethodLocked, RoomNotFound
from app.core.gate import gating
from app.core.model import EventId, Room, RoomId, RoomSettings, VisitorId
from app.core.text.validation_messages import validation_failed
from app.core.waiting_room import parts, rules
from app.core.waiting_room.rules import RoomAction
from app.restoring.room import rebuild_room
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.keys import RoomKeys
from app.store.redis import busy
from app.store.redis.busy import mark_busy
from app.store.redis.conf import conf_fields
from app.store.scripts import admission
from app.store.scripts import room as room_scripts
from app.store.scripts.room import NotLoaded
from app.store.sql.accounts import signing_keys
from app.store.sql.audit import AuditFilter, Fields
from app.store.sql.catalogue import sale_lives
from app.store.sql.gate import gate_counts
from app.store.sql.waiting_room import rooms, sessions
from app.waiting_room.queue import Queues

OPPOSITE: dict[str, RoomAction] = {"pause": "resume", "resume": "pause"}


def new_seed() -> bytes:
    """A random seed for a room's draw. It is chosen when the room is created and published when it opens."""
    return secrets.token_bytes(32)


def read_settings(document: dict[str, Any]) -> RoomSettings:
    """Settings from JSON values. Raises ValidationFailed naming the field."""
    try:
        settings = msgspec.convert(document, RoomSettings)
    except msgspec.ValidationError as error:
        raise validation_failed(error) from None
    check_settings(settings)
    return settings


async def create_room(
    queues: Queues, room_id: RoomId, settings: RoomSettings, event_id: EventId | None = None, *, by: Author
) -> Room:
    """Create a room in state `scheduled`. Raises AlreadyExists, ValidationFailed (see `check_settings`).

    Pass `event_id` if the caller creates that event next. The room is then loaded into Redis only by
    `refresh`, or by a worker within a second, so that it never runs without its stock. To create both in one
    transaction, call `insert_room` in it and `refresh` afterwards.
    """
    with stores_answer():
        async with queues.stores.postgres.acquire() as connection, connection.transaction():
            if not await insert_room(connection, room_id, settings, by=by):
                raise AlreadyExists(f"A room {room_id} already exists.")
        queues.stores.absent.forget("room", room_id)
        if event_id is None:
            await rebuild_room(queues.stores, room_id)
    return await queues.loaded_rooms.get(room_id)


async def insert_room(connection: Connection, room_id: RoomId, settings: RoomSettings, *, by: Author) -> bool:
    """Insert a room.

    Returns False if the room_id is taken. Raises ValidationFailed (see `check_settings`).
    """
    check_settings(settings)
    await signing_keys.ensure_keys(connection, settings.signing_algorithm)
    if not await rooms.insert_room(connection, room_id, settings, new_seed()):
        return False
    after = msgspec.structs.asdict(settings)
    await audit.record(connection, by, "create", Entity("room", room_id), after=after)
    return True


async def configure(queues: Queues, room_id: RoomId, patch: dict[str, Any], *, by: Author) -> Room:
    """Change the settings in `patch` (field to JSON value), from the next tick on.

    Setting another rate pauses the autopilot, unless the patch sets `autopilot` itself.
    Raises RoomNotFound, ValidationFailed (naming the field), QueueingMethodLocked.
    """
    return await _change(queues, room_id, "change", lambda room: patched(room, patch), by)


def patched(room: Room, patch: dict[str, Any]) -> Room:
    """The room with the settings of `patch`.

    Raises ValidationFailed (naming the field), QueueingMethodLocked.
    """
    settings = read_settings(msgspec.to_builtins(room.settings) | patch)
    before = room.settings.queueing_method, room.settings.draw_entropy
    if (settings.queueing_method, settings.draw_entropy) != before and room.state != "scheduled":
        raise QueueingMethodLocked
    if room.state != "scheduled":
        lanes.check_change(room.settings.lanes, settings.lanes)
    parts.check_change(room, settings)
    if "autopilot" not in patch:
        settings = rules.after_manual_change(room.settings, settings)
    return msgspec.structs.replace(room, settings=settings)


async def move_rate(queues: Queues, room_id: RoomId, rate: int, *, version: int, why: str) -> bool:
    """Set the rate for the autopilot. Returns False if the room was changed since `version`."""
    moved = False

    def changed(room: Room) -> Room:
        nonlocal moved
        moved = room.version == version
        settings = msgspec.structs.replace(room.settings, admission_rate_per_minute=rate)
        return msgspec.structs.replace(room, settings=settings) if moved else room

    await _change(queues, room_id, "change", changed, AUTOPILOT, why)
    return moved


async def set_state(queues: Queues, room_id: RoomId, action: RoomAction, *, by: Author) -> Room:
    """Open, pause, resume or close a room. Raises RoomNotFound, Conflict if its state does not allow that."""

    def stepped(room: Room) -> Room:
        state = rules.state_after(room.state, action)
        if state == room.state:
            return room
        at_ms, settings = now_ms(), room.settings
        if settings.closes_at is not None and rules.due_state("open", settings, at_ms) == "closed":
            settings = msgspec.structs.replace(settings, closes_at=None)  # it has passed; staff reopen
        return msgspec.structs.replace(
            room,
            settings=settings,
            state=state,
            opened_at_ms=room.opened_at_ms or (at_ms if state == "open" else 0),
            closed_at_ms=at_ms if state == "closed" else 0,
        )

    return await _change(queues, room_id, action, stepped, by)


async def undo(queues: Queues, room_id: RoomId, audit_id: int, *, by: Author) -> Room:
    """Undo the last change that staff made to a room: a change of settings, a pause or a resume.

    Raises RoomNotFound, and Conflict if `audit_id` is no longer the last change or cannot be undone.
    """
    with stores_answer():
        criteria = AuditFilter("room", room_id, not_who=AUTOPILOT.subject)
        entries, _ = await audit.entries(queues.stores, criteria, limit=1, offset=0)
    if not entries or entries[0].audit_id != audit_id:
        raise Conflict("The room has changed in the meantime; look at it again.")
    change = entries[0].change
    if change.action in OPPOSITE:
        return await set_state(queues, room_id, OPPOSITE[change.action], by=by)
    if change.action != "change":
        raise Conflict("This change cannot be undone.")
    before, after = change.before or {}, change.after or {}

    return await _change(queues, room_id, "change", lambda room: reverted(room, before, after), by)


def reverted(room: Room, before: Fields, after: Fields) -> Room:
    """The room with a change of settings reverted. Raises Conflict if a setting was changed again since."""
    now = msgspec.to_builtins(room.settings)
    if any(now[name] != value for name, value in _settings_alone(after).items()):
        raise Conflict("The room has changed in the meantime; look at it again.")
    return msgspec.structs.replace(room, settings=read_settings(now | _settings_alone(before)))


async def refresh(stores: Stores, room_id: RoomId) -> None:
    """Give the room a new version and update it in Redis, after its event was created or changed."""
    with stores_answer():
        await rooms.touch_room(stores.postgres, room_id)
        await push(stores, room_id)


async def push(stores: Stores, room_id: RoomId) -> None:
    """Update the room in Redis to the version in Postgres."""
    row = await rooms.select_room(stores.postgres, room_id)
    if row is None:
        return
    room, keys = row.room, RoomKeys(room_id)
    try:
        await admission.configure(stores.redis, keys, conf_fields(row), version=room.version, to=room.state)
    except NotLoaded:
        await rebuild_room(stores, room_id)
    else:
        await mark_busy(stores.redis, busy.KEYS, [room_id])


async def remove(queues: Queues, room_id: RoomId, visitor_id: VisitorId, *, by: Author) -> None:
    """Remove a visitor from the room permanently. Raises RoomNotFound."""
    await queues.loaded_rooms.get(room_id)
    with stores_answer():
        async with queues.stores.postgres.acquire() as connection, connection.transaction():
            if await sessions.insert_removed(connection, room_id, visitor_id):
                entity = Entity("visitor", f"{room_id}/{visitor_id}")
                await audit.record(connection, by, "remove", entity, after={"removed": True})
            await sessions.end_sessions(connection, room_id, visitor_id)
        await queues.loaded_rooms.when_loaded(
            room_id, lambda: room_scripts.remove(queues.stores.redis, RoomKeys(room_id), visitor_id)
        )


async def _change(
    queues: Queues, room_id: RoomId, action: str, change: Callable[[Room], Room], by: Author, why: str = ""
) -> Room:
    """Apply `change` to the current room, one change at a time, and update Redis.

    The room is loaded into Redis first: an opening then happens there, where it fills the bucket, and nothing
    is changed while Redis is unavailable.
    """
    keys = RoomKeys(room_id)
    with stores_answer():
        await queues.loaded_rooms.when_loaded(room_id, lambda: room_scripts.status(queues.stores.redis, keys))
        async with queues.stores.postgres.acquire() as connection, connection.transaction():
            row = await rooms.lock_room(connection, room_id)
            if row is None:
                raise RoomNotFound
            state = rules.due_state(row.room.state, row.room.settings, now_ms())
            before = msgspec.structs.replace(row.room, state=state)
            after = change(before)
            if after != before:
                if await sale_lives.is_archived(connection, room_id):
                    raise Conflict(
                        "This sale is archived and cannot be changed; restore it from the archive first."
                    )
                await write_room(connection, before, after, action, by, why)
        if after != before:
            await push(queues.stores, room_id)
    return await queues.loaded_rooms.read(room_id)


async def write_room(
    connection: Connection, before: Room, after: Room, action: str, by: Author, why: str = ""
) -> None:
    """Write a change of a locked room and its audit row. Call `push` after the transaction."""
    if before.settings.test and not after.settings.test:
        if await sale_lives.is_rehearsal(connection, before.room_id):
            raise Conflict("A rehearsal is always a test: everything bought in it is wiped.")
    await signing_keys.ensure_keys(connection, after.settings.signing_algorithm)
    await rooms.update_room(connection, after)
    if after.settings.bypass != before.settings.bypass:
        rule_ids = [gating.rule_id(it) for it in after.settings.bypass]
        await gate_counts.fold_rules(connection, before.room_id, rule_ids)
    reason = {"why": why} if why else {}
    fields = {"before": audit_fields(before), "after": audit_fields(after) | reason}
    await audit.record(connection, by, action, Entity("room", before.room_id), **fields)


def _settings_alone(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name != "state"}


def audit_fields(room: Room) -> Fields:
    """The fields of a room that the audit log keeps; not the seed, which is secret until the opening."""
    return {**msgspec.structs.asdict(room.settings), "state": room.state}
