"""Webhooks: signed, in order, retried, given up, disabled, replayed; never sent where they must not go."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.account import COMMAND_LINE
from app.core.errors import NotFound, ValidationFailed
from app.notifications.channels import webhooks
from app.notifications.relay import relay
from app.store.connections import Stores
from app.store.sql.notifications import webhooks as stored
from app.store.sql.notifications.delivery_log import Answer
from app.store.sql.notifications.webhooks import GIVEN_UP_MAX
from tests.notifications.test_outbox import hold
from tests.support.receiver import receiving
from tests.support.sales import SETTINGS, a_sale
from tests.support.waiting import wait_until
from tests.support.webhooks import OPEN, a_client, a_webhook, deliver, expire, only_webhook


async def test_a_change_is_delivered_signed_as_standard_webhooks(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving() as receiver:
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        assert await deliver(stores, target) is True
        assert await deliver(stores, target) is None
        (got,) = receiver.received
    document = got.verified(target.secret)
    assert document.keys() == {"type", "timestamp", "data"}
    assert (document["type"], document["data"]["reservation_id"]) == ("reservation.held", "r1")
    assert got.headers["content-type"] == "application/json"
    with pytest.raises(Exception, match="No matching signature"):
        got.verified(
            (await webhooks.create(stores, OPEN, receiver.url, (), "", by=COMMAND_LINE)).target.secret
        )


async def test_only_the_types_that_were_asked_for_and_not_what_was_before(stores: Stores) -> None:
    await a_sale(stores)
    await hold(stores, "early")
    await relay(stores)
    async with receiving() as receiver:
        target = await a_webhook(stores, receiver, "reservation.expired")
        await hold(stores, "r1")
        await expire(stores, "r1")
        await deliver(stores, target, rounds=3)
    assert receiver.of("r1") == ["reservation.expired"]
    assert receiver.of("early") == []


async def test_a_failure_is_tried_again_and_what_follows_it_waits(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving(first=[500, 302, 429]) as receiver:
        receiver.headers = f"location: {receiver.url}/elsewhere\r\n"
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        await expire(stores, "r1")
        for why in ("answered 500", "answered 302", "answered 429"):
            assert await deliver(stores, target) is False
            assert (await only_webhook(stores)).failure == why
        assert (await only_webhook(stores)).pending == 2
        assert await deliver(stores, target, rounds=2) is True
    assert [it.document["type"] for it in receiver.received] == ["reservation.held"] * 4 + [
        "reservation.expired"
    ]
    assert len({it.message_id for it in receiver.received}) == 2
    assert (await only_webhook(stores)).pending == 0


async def test_one_reservation_that_is_not_taken_holds_up_no_other(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving(first=[500]) as receiver:
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        await deliver(stores, target)
        await hold(stores, "r2")
        await expire(stores, "r1")
        while await relay(stores):
            pass
        async with a_client() as client:  # r1 is not due again yet
            await webhooks.deliver(stores, client, target, private=True)
    assert receiver.of("r2") == ["reservation.held"]
    assert receiver.of("r1") == ["reservation.held"]


async def test_what_a_dead_worker_began_is_taken_up_after_its_lease(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving() as receiver:
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        await relay(stores)
        (begun,) = await stored.claim(stores.postgres, target.webhook_id, 10)
        assert await stored.claim(stores.postgres, target.webhook_id, 10) == []
        assert await deliver(stores, target) is True
    assert [it.message_id for it in receiver.received] == [begun.notice.notice_id]


async def test_after_a_day_it_is_given_up_and_seen_and_ten_in_a_row_disable(stores: Stores) -> None:
    await a_sale(stores, {"floor": 50})
    async with receiving(answer=503) as receiver:
        target = await a_webhook(stores, receiver)
        await hold(stores, *(f"r{i}" for i in range(GIVEN_UP_MAX - 1)))
        await deliver(stores, target)
        await stores.postgres.execute("UPDATE deliveries SET created_at = now() - interval '25 hours'")
        await deliver(stores, target)
        found = await only_webhook(stores)
        assert (found.pending, found.given_up, found.disabled_at) == (0, GIVEN_UP_MAX - 1, None)
        await hold(stores, "last", "and one that waits")
        await relay(stores)
        await stores.postgres.execute(
            "UPDATE deliveries SET created_at = now() - interval '25 hours' WHERE thread = 'last'"
        )
        await deliver(stores, target)
        found = await only_webhook(stores)
        assert found.disabled_at is not None
        assert (found.pending, found.given_up) == (0, GIVEN_UP_MAX + 1)
        assert await stored.targets(stores.postgres) == []
        await hold(stores, "while disabled")
        await relay(stores)
        assert (await only_webhook(stores)).pending == 0

        receiver.answer = 204
        before = len(receiver.received)
        assert await webhooks.replay(stores, target.webhook_id, None, by=COMMAND_LINE) == GIVEN_UP_MAX + 1
        assert (await only_webhook(stores)).disabled_at is None
        await deliver(stores, target, rounds=2)
        assert len(receiver.received) - before == GIVEN_UP_MAX + 1
        yesterday = datetime.now(UTC) - timedelta(days=1)
        assert (
            await webhooks.replay(stores, target.webhook_id, yesterday, by=COMMAND_LINE) == GIVEN_UP_MAX + 2
        )
        await deliver(stores, target, rounds=2)
    assert receiver.of("while disabled") == ["reservation.held"]
    assert (await only_webhook(stores)).pending == 0


async def test_one_that_was_taken_starts_the_count_anew(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving(first=[500, 200]) as receiver:
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        await relay(stores)
        await stores.postgres.execute("UPDATE deliveries SET created_at = now() - interval '25 hours'")
        await deliver(stores, target)
        assert await stores.postgres.fetchval("SELECT given_up FROM webhooks") == 1
        await hold(stores, "r2")
        await deliver(stores, target)
        assert await stores.postgres.fetchval("SELECT given_up FROM webhooks") == 0


async def test_gone_is_gone(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving(answer=410) as receiver:
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        await deliver(stores, target)
        found = await only_webhook(stores)
    assert found.disabled_at is not None
    assert found.failure == "answered 410"
    with pytest.raises(NotFound):
        await webhooks.replay(stores, "wh_other", None, by=COMMAND_LINE)


async def test_an_answer_without_an_end_is_cut_off(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving(body=b"x" * 5_000_000) as receiver:
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        assert await deliver(stores, target) is True


async def test_a_server_that_is_not_there_is_a_failure(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving() as receiver:
        target = await a_webhook(stores, receiver)
    await hold(stores, "r1")
    assert await deliver(stores, target) is False
    assert (await only_webhook(stores)).failure == "the connection was refused"


async def test_such_a_webhook_is_not_made(stores: Stores) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await webhooks.create(stores, SETTINGS, "http://10.0.0.1/", (), "", by=COMMAND_LINE)
    assert refused.value.members["errors"][0]["field"] == "url"
    assert await webhooks.page(stores, limit=1, offset=0) == ([], 0)


async def test_an_address_is_looked_at_again_at_each_delivery(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving() as receiver, a_client() as client:
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        await relay(stores)
        assert await webhooks.deliver(stores, client, target, private=False) is False
        assert "not public" in (await only_webhook(stores)).failure
        assert receiver.received == []


@pytest.mark.parametrize("end", ["failed", "gone", "taken"])
async def test_a_webhook_is_deleted_while_its_deliveries_end(stores: Stores, end: str) -> None:
    await a_sale(stores)
    async with receiving() as receiver:
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        await relay(stores)
        (it,) = await stored.claim(stores.postgres, target.webhook_id, 1)
    async with stores.postgres.acquire() as connection, connection.transaction():
        locked = "SELECT FROM webhooks WHERE webhook_id = $1 FOR UPDATE"  # as at the start of its deletion
        await connection.execute(locked, target.webhook_id)
        if end == "failed":
            ending: Any = stored.record_failure(
                stores.postgres, target.webhook_id, it, 1.0, Answer(1, None, "no")
            )
        elif end == "taken":
            ending = stored.record_delivery(stores.postgres, target.webhook_id, it, Answer(1, 200, ""))
        else:
            ending = stored.disable(stores.postgres, target.webhook_id)
        task = asyncio.create_task(ending)

        async def waits() -> bool:
            return bool(await connection.fetchval("SELECT 1 FROM pg_locks WHERE NOT granted"))

        await wait_until(waits, "the other one to wait for the lock")
        assert await stored.delete(connection, target.webhook_id) is not None
    await task
    assert await stored.pending(stores.postgres) == 0
