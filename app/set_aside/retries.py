"""Lets staff retry or dismiss work that was set aside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import Conflict, NotFound
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql import set_aside
from app.store.sql.notifications import delivery_log, mails, outbox, webhooks
from app.store.sql.set_aside import SetAside


async def try_again(stores: Stores, id_: int, *, by: Author) -> None:
    """Retry an item; if it fails, it is set aside again. Raises NotFound, Conflict."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            removed = await _removed(connection, id_, "try again", by)
            if removed.kind not in AGAIN:
                raise Conflict("This cannot be retried.")
            if not await AGAIN[removed.kind](connection, removed.subject):
                raise Conflict("Its content is no longer stored, so it cannot be retried.")


async def dismiss(stores: Stores, id_: int, *, by: Author) -> None:
    """Dismiss an item. Raises NotFound."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            await _removed(connection, id_, "dismiss", by)


async def _removed(connection: Connection, id_: int, action: str, by: Author) -> SetAside:
    row = await set_aside.remove(connection, id_)
    if row is None:
        raise NotFound("It is no longer set aside.")
    before = {"reason": row.reason.rstrip().rpartition("\n")[2]}  # a traceback ends with the error
    await audit.record(connection, by, action, Entity(f"set aside {row.kind}", row.subject), before=before)
    return row


async def _publish(connection: Connection, subject: str) -> bool:
    return await outbox.publish_again(connection, int(subject))


async def _send(connection: Connection, subject: str) -> bool:
    return await mails.requeue(connection, subject) is not None


async def _deliver(connection: Connection, subject: str) -> bool:
    webhook_id, number, ordinal = subject.split("/")
    if not await webhooks.enable(connection, webhook_id):
        return False
    return await delivery_log.deliver_one_again(connection, webhook_id, int(number), int(ordinal)) is not None


AGAIN: dict[str, Callable[[Connection, str], Awaitable[bool]]] = {
    "notice": _publish,
    "mail": _send,
    "webhook": _deliver,
}
