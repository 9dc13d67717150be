"""Cancel a sale, or move it to another date. Jobs notify and refund everybody affected.

Each can be interrupted anywhere and requested again: completed work stays done.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from app import audit
from app.audit import Entity
from app.catalogue.events import lock_event, transaction, update_room
from app.core.account import Author
from app.core.errors import Conflict, ValidationFailed
from app.core.model import EventId
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.catalogue import cancel_or_move as stored
from app.store.sql.catalogue.cancel_or_move import AffectedOrders, RefundSums, RefusedRefund
from app.store.sql.waiting_room import rooms
from app.waiting_room import control
from app.waiting_room.queue import Queues

NOTICE_MAX = 1_000
REFUSED_MAX = 100  # listed


async def affected(stores: Stores, event_id: EventId) -> AffectedOrders:
    """What cancelling would end and refund."""
    with stores_answer():
        return await stored.affected(stores.postgres, event_id)


async def refused_refunds(stores: Stores, event_id: EventId) -> tuple[list[RefusedRefund], int]:
    """Refunds of the event that the gateway refused, oldest first, and how many there are."""
    with stores_answer():
        return await stored.refused(stores.postgres, event_id, REFUSED_MAX)


async def refund_sums(stores: Stores, event_id: EventId) -> list[RefundSums]:
    """The progress of the event's refunds, by currency."""
    with stores_answer():
        return await stored.refund_sums(stores.postgres, event_id)


async def cancel(queues: Queues, stores: Stores, event_id: EventId, notice: str, *, by: Author) -> None:
    """Cancel a sale: nothing more is sold, and its room closes. Repeating it changes nothing.

    A job cancels and refunds its orders. Raises EventNotFound, ValidationFailed.
    """
    _check_notice(notice)
    async with transaction(stores) as connection:
        event = await lock_event(connection, event_id)
        changed = event
        if event.cancelled_at is None:
            changed = msgspec.structs.replace(event, cancelled_at=datetime.now(UTC), notice=notice)
            await stored.update(connection, changed)
            await rooms.touch_room(connection, event.room_id)
            after = {"cancelled_at": changed.cancelled_at, "notice": notice}
            entity = Entity("event", event_id)
            await audit.record(connection, by, "cancel", entity, before={"cancelled_at": None}, after=after)
    await update_room(stores, changed)
    with suppress(Conflict):  # already closed
        await control.set_state(queues, event.room_id, "close", by=by)


async def move(
    stores: Stores,
    event_id: EventId,
    starts_at: datetime,
    refund_until: datetime | None,
    notice: str,
    *,
    by: Author,
) -> None:
    """Move a sale to another date. Holds, tickets and the room are unaffected; a job notifies the buyers.

    `refund_until`: until then buyers can return their tickets. Raises EventNotFound, ValidationFailed, and
    Conflict for a cancelled sale.
    """
    _check_notice(notice)
    if refund_until is not None and refund_until > starts_at:
        raise ValidationFailed("refund_until", "must be before the event starts")
    async with transaction(stores) as connection:
        event = await lock_event(connection, event_id)
        if event.cancelled_at is not None:
            raise Conflict("This sale is cancelled; it cannot be moved.")
        if starts_at == event.starts_at:
            raise ValidationFailed("starts_at", "must differ from the current date and time")
        fields = {"starts_at": starts_at, "refund_until": refund_until, "notice": notice}
        changed = msgspec.structs.replace(event, **fields, moved_from=event.starts_at)
        await stored.update(connection, changed)
        await rooms.touch_room(connection, event.room_id)
        before = {name: getattr(event, name) for name in fields}
        await audit.record(connection, by, "move", Entity("event", event_id), before=before, after=fields)
    await update_room(stores, changed)


async def retry_refunds(stores: Stores, event_id: EventId, *, by: Author) -> int:
    """Retry every refund of the event that the gateway refused; returns how many.

    Workers retry them within seconds.
    """
    async with transaction(stores) as connection:
        await lock_event(connection, event_id)
        again = await stored.retry_all(connection, event_id)
        if again:
            entity = Entity("event", event_id)
            await audit.record(connection, by, "retry_refunds", entity, after={"refunds": again})
    return again


def _check_notice(notice: str) -> None:
    if len(notice) > NOTICE_MAX:
        raise ValidationFailed("notice", f"must be up to {NOTICE_MAX:,} characters")
    if not all(it.isprintable() for it in notice.replace("\t", " ").split("\n")):
        raise ValidationFailed("notice", "must not contain control characters")
