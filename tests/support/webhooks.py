"""Webhooks in tests of operations: one with a receiver behind it, and its deliveries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from app.core.account import COMMAND_LINE
from app.core.notifications.notice_types import NoticeType
from app.notifications import safe_post
from app.notifications.channels import webhooks
from app.notifications.relay import relay
from app.store.connections import Stores
from app.store.sql.notifications.webhooks import Target, Webhook
from tests.support.receiver import Receiver
from tests.support.sales import SETTINGS

OPEN = SETTINGS.model_copy(update={"webhooks_private": True})


async def a_webhook(stores: Stores, receiver: Receiver, *types: NoticeType) -> Target:
    return (await webhooks.create(stores, OPEN, receiver.url, types, "books", by=COMMAND_LINE)).target


@asynccontextmanager
async def a_client() -> AsyncIterator[httpx.AsyncClient]:
    async with safe_post.open_client() as client:
        yield client


async def deliver(stores: Stores, target: Target, *, rounds: int = 1) -> bool | None:
    """Relay, and make the deliveries that are due; waits after a failure count as over."""
    taken: bool | None = None
    while await relay(stores):
        pass
    async with a_client() as client:
        for _ in range(rounds):
            await stores.postgres.execute("UPDATE deliveries SET due_at = now()")
            taken = await webhooks.deliver(stores, client, target, private=True)
    return taken


async def only_webhook(stores: Stores) -> Webhook:
    (found,), total = await webhooks.page(stores, limit=10, offset=0)
    assert total == 1
    return found


async def expire(stores: Stores, name: str) -> None:
    await stores.postgres.execute(
        "UPDATE reservations SET status = 'expired' WHERE reservation_id = $1", name
    )
