"""The relay: from the outbox to the Redis stream, webhook deliveries and e-mails. Nothing is skipped.

One worker at a time; if it dies, another one continues. If killed between Redis and the commit, the same
events are added again with the same ids.
"""

from __future__ import annotations

from app import logs
from app.notifications.channels import CHANNELS
from app.set_aside import failures
from app.store.connections import STORE_AWAY, Connection, Stores
from app.store.redis import notice_stream
from app.store.spans import continued
from app.store.sql.assurance import receipts
from app.store.sql.notifications import outbox
from app.store.traces import Attributes

LOST_MARGIN_MS = 60_000  # tolerated difference between the clocks of the two stores

_SPAN_ATTRIBUTES: Attributes = {
    "messaging.system": "redis",
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "messaging.destination.name": notice_stream.KEYS.events,
}


async def relay(stores: Stores, *, apart: bool = False) -> int:
    """Publish the next events; returns how many. Also 0 while another worker does.

    `apart`: row by row, because one of them cannot be published; that one is set aside, the others continue.
    """
    async with outbox.relay_lock(stores.postgres) as connection:
        if connection is None:
            return 0
        await _repair_stream(stores, connection)
        return await (_publish_each if apart else _publish)(stores, connection)


async def has_lost(stores: Stores) -> bool:
    """Whether Redis, which was lost or lost its last second, needs events again."""
    end, known = await notice_stream.end(stores.redis), await outbox.stream_end(stores.postgres)
    return notice_stream.order(end) < notice_stream.order(known)


async def _publish(stores: Stores, connection: Connection, number: int | None = None) -> int:
    events = await outbox.next_events(connection, number)
    if events.notices:
        attributes: Attributes = {**_SPAN_ATTRIBUTES, "messaging.batch.message_count": len(events.notices)}
        sampled = [(it, ()) for it in events.traceparents]
        with continued(stores.tracer, sampled, "send notices", "producer", attributes):
            entry_id = await notice_stream.add_notices(stores.redis, notice_stream.KEYS, events.notices)
            for channel in CHANNELS:
                await channel.queue(connection, events)
            if any(it.type == "reservation.confirmed" for it in events.notices):
                await receipts.number(connection, events.numbers)
            await outbox.mark_streamed(connection, events.numbers, entry_id)
    return len(events.notices)


async def _publish_each(stores: Stores, connection: Connection) -> int:
    """Publish row by row. Raises the error if several rows fail and none succeeds: then the rows are not
    the cause."""
    published, wrong = 0, dict[int, Exception]()
    for number in await outbox.first_numbers(connection):
        try:
            async with connection.transaction():
                published += await _publish(stores, connection, number)
        except STORE_AWAY:
            raise
        except Exception as error:  # whatever the cause, it must not stop later rows
            wrong[number] = error
    if len(wrong) > 1 and not published:
        raise next(iter(wrong.values()))
    for number, why in wrong.items():
        row = await outbox.skip(connection, number)
        await failures.set_aside(stores, "notice", str(number), why, content=row, room_id=None)
        logs.get(__name__).error(
            "an event could not be published and is set aside", number=number, exc_info=why
        )
    return published


async def _repair_stream(stores: Stores, connection: Connection) -> None:
    """Resend what a Redis that was lost, or lost its last second, had received."""
    end, recorded = await notice_stream.end(stores.redis), await outbox.stream_end(connection)
    if notice_stream.order(end) < notice_stream.order(recorded):
        since_ms = max(0, notice_stream.order(end)[0] - LOST_MARGIN_MS)
        rows = await outbox.stream_again(connection, since_ms, end)
        logs.get(__name__).warning("the event stream lost its end; its events are added again", rows=rows)
