"""A third-party notification channel: one file and one entry, as docs/contributing/channel.md describes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.notifications.channel import Channel, Send
from app.notifications.channels import CHANNELS
from app.notifications.relay import relay
from app.settings import Settings
from app.store.connections import Connection, Stores
from app.store.sql.notifications.outbox import OutboxBatch
from app.store.sql.reservations import reservations
from tests.store.test_reservations import ORIGIN, new_hold
from tests.support.sales import a_sale
from tests.support.waiting import wait_until
from tests.worker.test_jobs import at_work
from worker.channels import send_queued

RUNG: list[str] = []


# The file: ten lines.
async def queue(connection: Connection, batch: OutboxBatch) -> None:
    rows = [(it.notice_id, it.type) for it in batch.notices if it.type == "reservation.held"]
    await connection.executemany("INSERT INTO bells VALUES ($1, $2) ON CONFLICT DO NOTHING", rows)


def opened(_settings: Settings) -> Send:
    async def send(stores: Stores) -> bool | None:
        due = await stores.postgres.fetch("DELETE FROM bells RETURNING type")
        RUNG.extend(it[0] for it in due)
        return True if due else None

    return send


@pytest.fixture
async def bells(stores: Stores) -> AsyncIterator[None]:
    """Its table, as a migration would create it, and its entry."""
    RUNG.clear()
    await stores.postgres.execute("CREATE TABLE bells (notice_id text PRIMARY KEY, type text NOT NULL)")
    CHANNELS.append(Channel("bells", queue, opened))
    yield
    CHANNELS.pop()
    await stores.postgres.execute("DROP TABLE bells")


async def test_a_channel_of_ten_lines_is_filled_by_the_relay_and_emptied_by_the_workers(
    stores: Stores, bells: None
) -> None:
    await a_sale(stores)
    await reservations.insert_holds(
        stores.postgres, ORIGIN, [new_hold(it, "floor:1:5000") for it in ("r1", "r2")]
    )
    assert await relay(stores) == 2
    assert await stores.postgres.fetchval("SELECT count(*) FROM bells") == 2
    async with at_work(stores, send_queued), at_work(stores, send_queued):

        async def rung() -> bool:
            return len(RUNG) == 2

        await wait_until(rung, "both messages")
    assert RUNG == ["reservation.held"] * 2
    assert await relay(stores) == 0
