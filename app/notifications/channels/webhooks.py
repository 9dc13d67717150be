"""Webhooks and their deliveries. Each gets the events of one reservation in order.

Delivery is at least once: if a worker dies while sending, another one sends again with the same id.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from app import audit, logs, metrics
from app.audit import Entity
from app.core.account import Author
from app.core.errors import NotFound, ValidationFailed
from app.core.notifications.notice_types import NoticeType
from app.core.notifications.webhook_policy import new_secret, retry_after_s
from app.loops import each
from app.notifications import safe_post
from app.notifications.channel import Channel
from app.notifications.safe_post import AddressRefused, Client, NotAccepted
from app.set_aside import failures
from app.settings import Settings
from app.store.away import stores_answer
from app.store.connections import STORE_AWAY, Connection, Stores
from app.store.spans import below
from app.store.sql.notifications import delivery_log as log_of_attempts
from app.store.sql.notifications import outbox, webhooks
from app.store.sql.notifications.delivery_log import Answer, Attempt, QueuedDelivery
from app.store.sql.notifications.outbox import OutboxBatch
from app.store.sql.notifications.webhooks import Delivery, Target, Webhook
from app.store.traces import Attributes

AT_ONCE = 16  # concurrent requests to one webhook, per worker
WHY_MAX = 300
NO_WEBHOOK = "There is no such webhook."


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A newly created webhook; its secret is shown only now."""

    target: Target
    created_at: datetime


async def create(
    stores: Stores,
    settings: Settings,
    url: str,
    types: Sequence[NoticeType],
    description: str,
    *,
    by: Author,
) -> NewWebhook:
    """Create a webhook for these event types, or for all. Raises ValidationFailed (`url`)."""
    try:
        await safe_post.checked(safe_post.parse(url), private=settings.webhooks_private)
    except AddressRefused as error:
        raise ValidationFailed("url", str(error)) from None
    target = Target(f"wh_{secrets.token_hex(10)}", url, new_secret())
    after = {"url": url, "types": types, "description": description}
    async with _transaction(stores) as connection:
        created_at = await webhooks.insert(connection, target, types, description)
        await audit.record(connection, by, "create", _entity(target.webhook_id), after=after)
    return NewWebhook(target, created_at)


async def page(stores: Stores, *, limit: int, offset: int) -> tuple[list[Webhook], int]:
    """One page of the webhooks, and how many there are."""
    with stores_answer():
        return await webhooks.select(stores.postgres, limit=limit, offset=offset)


async def remove(stores: Stores, webhook_id: str, *, by: Author) -> None:
    """Delete a webhook. Raises NotFound."""
    async with _transaction(stores) as connection:
        before = await webhooks.delete(connection, webhook_id)
        if before is None:
            raise NotFound(NO_WEBHOOK)
        await audit.record(connection, by, "delete", _entity(webhook_id), before=before)


async def replay(stores: Stores, webhook_id: str, since: datetime | None, *, by: Author) -> int:
    """Resend failed events, or everything since then that is still stored; returns how many. Enables the
    webhook.

    Raises NotFound.
    """
    async with _transaction(stores) as connection:
        if not await webhooks.enable(connection, webhook_id):
            raise NotFound(NO_WEBHOOK)
        if since is None:
            count = await webhooks.deliver_given_up(connection, webhook_id)
        else:
            count = await webhooks.deliver_again(connection, webhook_id, since)
        after = {"since": since, "deliveries": count}
        await audit.record(connection, by, "replay", _entity(webhook_id), after=after)
    return count


async def replay_event(stores: Stores, webhook_id: str, number: int, ordinal: int, *, by: Author) -> bool:
    """Deliver one event again, whatever its state; False if it is no longer stored.

    A disabled webhook is enabled, as otherwise nothing would be sent. Raises NotFound.
    """
    async with _transaction(stores) as connection:
        if not await webhooks.enable(connection, webhook_id):
            raise NotFound(NO_WEBHOOK)
        notice_id = await log_of_attempts.deliver_one_again(connection, webhook_id, number, ordinal)
        if notice_id is not None:
            await audit.record(connection, by, "replay", _entity(webhook_id), after={"notice": notice_id})
    return notice_id is not None


async def get(stores: Stores, webhook_id: str) -> Webhook:
    """The webhook. Raises NotFound."""
    with stores_answer():
        row = await webhooks.select_one(stores.postgres, webhook_id)
    if row is None:
        raise NotFound(NO_WEBHOOK)
    return row


async def queued(stores: Stores, webhook_id: str, limit: int) -> list[QueuedDelivery]:
    """A webhook's pending and failed deliveries, the latest failures first."""
    with stores_answer():
        return await log_of_attempts.select_queued(stores.postgres, webhook_id, limit)


async def attempts(stores: Stores, webhook_id: str, *, limit: int, offset: int) -> tuple[list[Attempt], int]:
    """One page of the requests made to a webhook, newest first, and how many are stored."""
    with stores_answer():
        return await log_of_attempts.select_attempts(stores.postgres, webhook_id, limit=limit, offset=offset)


def _since_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _entity(webhook_id: str) -> Entity:
    return Entity("webhook", webhook_id)


@asynccontextmanager
async def _transaction(stores: Stores) -> AsyncIterator[Connection]:
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            yield connection


async def deliver(stores: Stores, client: Client, target: Target, *, private: bool) -> bool | None:
    """Make one webhook's due deliveries. None: there were none; False: none was accepted."""
    due = await webhooks.claim(stores.postgres, target.webhook_id, AT_ONCE)
    if not due:
        return None
    claimed = []

    async def deliver_and_count(delivery: Delivery) -> None:
        try:
            claimed.append(await _deliver(stores, client, target, delivery, private))
        except STORE_AWAY:
            raise
        except Exception as error:  # whatever the cause, it affects only this delivery
            await _failed_unexpectedly(stores, target, delivery, error)

    await each("deliver", due, deliver_and_count, key=lambda it: it.notice.notice_id, at_once=AT_ONCE)
    return any(claimed)


async def _deliver(stores: Stores, client: Client, target: Target, delivery: Delivery, private: bool) -> bool:
    """Make one delivery and record the result."""
    began = time.monotonic()
    notice = delivery.notice
    body = f'{{"type":"{notice.type}","timestamp":"{notice.at}","data":{notice.data}}}'
    message = notice.notice_id, body
    try:
        with below(stores.tracer, delivery.traceparent, "POST", _span_attributes(target, delivery)) as span:
            status = await safe_post.post(
                client, target.url, target.secret, *message, private=private, span=span
            )
    except (AddressRefused, NotAccepted) as error:
        await _failed(stores, target, delivery, error, _since_ms(began))
        return False
    await webhooks.record_delivery(
        stores.postgres, target.webhook_id, delivery, Answer(_since_ms(began), status, "")
    )
    metrics.DELIVERIES.labels("delivered").inc()
    return True


def _span_attributes(target: Target, delivery: Delivery) -> Attributes:
    """A delivery's attributes in traces. The path of an address is often a secret."""
    url = safe_post.parse(target.url)
    attributes: Attributes = {
        "http.request.method": "POST",
        "url.full": f"{url.scheme}://{url.netloc.decode('ascii')}/REDACTED",
        "url.scheme": url.scheme,
        "server.address": url.host,
        "server.port": url.port or (443 if url.scheme == "https" else 80),
        "fairgate.webhook_id": target.webhook_id,
        "fairgate.notice.type": delivery.notice.type,
    }
    return attributes | (
        {"http.request.resend_count": delivery.attempts - 1} if delivery.attempts > 1 else {}
    )


async def _failed_unexpectedly(stores: Stores, target: Target, delivery: Delivery, error: Exception) -> None:
    """An unexpected error: retry a few times, then set it aside for staff."""
    logs.get(__name__).error(
        "a delivery failed unexpectedly", notice_id=delivery.notice.notice_id, exc_info=error
    )
    last, why = delivery.attempts >= failures.TRIES_MAX, f"{type(error).__name__}: {error}"[:WHY_MAX]
    again_s = retry_after_s(delivery.attempts, random.random())
    answer = Answer(0, None, why)
    await webhooks.record_failure(stores.postgres, target.webhook_id, delivery, again_s, answer, give_up=last)
    metrics.DELIVERIES.labels("given_up" if last else "failed").inc()
    if last:
        which = f"{target.webhook_id}/{delivery.number}/{delivery.ordinal}"
        await failures.set_aside(stores, "webhook", which, error, content=delivery.notice.data, room_id=None)


async def _failed(
    stores: Stores, target: Target, delivery: Delivery, error: AddressRefused | NotAccepted, took_ms: int
) -> None:
    again_s = retry_after_s(delivery.attempts, random.random())
    status = error.status if isinstance(error, NotAccepted) else None
    answer = Answer(took_ms, status, str(error)[:WHY_MAX])
    given_up, disabled = await webhooks.record_failure(
        stores.postgres, target.webhook_id, delivery, again_s, answer
    )
    metrics.DELIVERIES.labels("given_up" if given_up else "failed").inc()
    if disabled or (isinstance(error, NotAccepted) and error.is_gone):
        await webhooks.disable(stores.postgres, target.webhook_id)
        logs.get(__name__).warning("a webhook was disabled", webhook_id=target.webhook_id, why=str(error))


async def _queue(connection: Connection, batch: OutboxBatch) -> None:
    if batch.listened:  # a new listener does not get earlier events
        await outbox.deliver(connection, batch.numbers)


CHANNEL = Channel("webhooks", _queue)  # each webhook has its own lane: worker/notices.py
