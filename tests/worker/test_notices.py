"""A real worker delivers events and is killed while it does so: nothing is lost, and the order is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

import pytest

from app.core.account import COMMAND_LINE
from app.core.clock import now_ms
from app.notifications.channels import webhooks
from app.store.connections import Stores
from app.store.redis.notice_stream import KEYS
from app.store.sql.notifications import outbox
from app.store.sql.notifications import webhooks as stored
from app.store.sql.payments import payments
from app.store.sql.payments.payments import Attempt
from app.store.sql.reservations import hold_endings, reservations
from app.store.sql.reservations.reservations import NewHold, Origin
from tests.conftest import Servers
from tests.notifications.test_outbox import hold
from tests.platform.outside import killed_at_the_end
from tests.support.receiver import Receiver, receiving
from tests.support.sales import GALA, HALL, a_sale
from tests.support.waiting import wait_until
from tests.support.webhooks import OPEN, a_webhook, expire
from tests.worker.test_jobs import at_work
from worker import notices

pytestmark = pytest.mark.slow

KILLS = 3
EACH = 40
LIFE = ["reservation.held", "reservation.confirmed", "reservation.cancelled"]


def a_worker(servers: Servers, database_url: str) -> AbstractContextManager[None]:
    """`fairgate worker`, killed at the end."""
    return killed_at_the_end(
        "worker",
        FAIRGATE_REDIS_URL=servers.redis_url,
        FAIRGATE_DATABASE_URL=database_url,
        FAIRGATE_WEBHOOKS_PRIVATE="on",
        FAIRGATE_SECRET="only for these tests",
        FAIRGATE_LOG_LEVEL="error",
    )


async def live_through_sale(stores: Stores, name: str) -> None:
    """A reservation from hold to end, as the operations write it."""

    async def held() -> bool:
        epoch = await stores.postgres.fetchval("SELECT epoch FROM rooms")  # the worker may restore the room
        try:
            new = NewHold(name, "ann", "print", f"5000|EUR|{now_ms()}|{now_ms() + 300_000}|floor:1:5000")
            return bool(await reservations.insert_holds(stores.postgres, Origin(HALL, epoch, GALA), [new]))
        except reservations.Superseded:
            return False

    await wait_until(held, "the hold")
    await payments.begin(stores.postgres, [Attempt(f"pay-{name}", name, "f", "card", "tok")])
    await payments.confirm(stores.postgres, [f"pay-{name}"])
    await hold_endings.cancel(stores.postgres, name)


async def test_killed_again_and_again_it_loses_nothing(
    stores: Stores, servers: Servers, database_url: str
) -> None:
    await a_sale(stores, {"floor": 1000})
    names = [f"res-{i:03}-" for i in range(KILLS * EACH)]
    async with receiving() as receiver:
        target = await a_webhook(stores, receiver)
        for round_ in range(KILLS):
            with a_worker(servers, database_url):
                before = len(receiver.received)
                for name in names[round_ * EACH : (round_ + 1) * EACH]:
                    await live_through_sale(stores, name)

                async def some(before: int = before) -> bool:
                    return len(receiver.received) > before + 5

                await wait_until(some, "the first deliveries")
        await stores.postgres.execute("UPDATE deliveries SET due_at = now()")  # no need to wait for leases
        with a_worker(servers, database_url):

            async def all_delivered() -> bool:
                relayed = await outbox.lag_s(stores.postgres) == 0  # checked first: relayed means deliveries
                return relayed and await stored.pending(stores.postgres) == 0

            await wait_until(all_delivered, "the rest")
        for got in receiver.received:
            got.verified(target.secret)
        for name in names:
            published = [it for it in receiver.of(name) if it.startswith("reservation.")]
            assert published == LIFE, name
    await _stream_is_complete(stores, names)
    ids = {it.message_id for it in receiver.received}
    entries: Any = await stores.redis.xrange(KEYS.events)
    assert ids == {fields["id"] for _, fields in entries}


async def _stream_is_complete(stores: Stores, names: list[str]) -> None:
    """Each event arrives once or, after a kill, again; first arrivals are in order."""
    entries: Any = await stores.redis.xrange(KEYS.events)
    firsts: dict[str, tuple[str, str]] = {}
    for _, fields in entries:
        firsts.setdefault(fields["id"], (fields["type"], fields["data"]))
    for name in names:
        kinds = [kind for kind, data in firsts.values() if f'"{name}"' in data and kind.startswith("res")]
        assert kinds == LIFE, name


@asynccontextmanager
async def webhook_worker(stores: Stores, receiver: Receiver) -> AsyncIterator[str]:
    """Run the jobs that relay and deliver beside the test; yields the id of the only webhook."""
    target = (await webhooks.create(stores, OPEN, receiver.url, (), "", by=COMMAND_LINE)).target
    async with at_work(stores, notices.relay_notices, OPEN), at_work(stores, notices.deliver_notices, OPEN):
        yield target.webhook_id


async def test_what_fails_is_tried_again_by_itself(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving(first=[500]) as receiver, webhook_worker(stores, receiver):
        await hold(stores, "r1")
        await expire(stores, "r1")

        async def both() -> bool:
            return receiver.of("r1") == ["reservation.held", "reservation.expired"]

        await wait_until(both, "the second try")
    assert len(receiver.received) == 3


async def test_a_webhook_that_is_deleted_is_told_nothing_more(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving() as receiver, webhook_worker(stores, receiver) as webhook_id:
        await hold(stores, "r1")

        async def first() -> bool:
            return bool(receiver.received)

        await wait_until(first, "the delivery")
        await webhooks.remove(stores, webhook_id, by=COMMAND_LINE)
        await hold(stores, "r2")

        async def relayed() -> bool:
            return not await stores.postgres.fetchval("SELECT count(*) FROM outbox WHERE streamed_at IS NULL")

        await wait_until(relayed, "the relay")
    assert receiver.of("r2") == []
