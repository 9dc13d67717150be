"""What staff see of the requests to a webhook, and replays of a single event."""

from __future__ import annotations

import pytest

from app.core.account import COMMAND_LINE
from app.core.errors import NotFound
from app.notifications.channels import webhooks
from app.store.connections import Stores
from app.store.sql.notifications import delivery_log
from app.store.sql.notifications import webhooks as stored
from tests.notifications.test_outbox import hold
from tests.support.receiver import receiving
from tests.support.sales import a_sale
from tests.support.webhooks import a_webhook, deliver


async def test_each_request_is_in_the_log_with_its_answer(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving() as receiver:
        target = await a_webhook(stores, receiver)
        receiver.first = [500]
        await hold(stores, "r1")
        await deliver(stores, target, rounds=2)
        found, total = await webhooks.attempts(stores, target.webhook_id, limit=10, offset=0)
        assert total == 2
        assert [(it.attempt, it.status, bool(it.why)) for it in found] == [(2, 200, False), (1, 500, True)]
        assert {it.type for it in found} == {"reservation.held"}
        assert len({it.notice_id for it in found}) == 1
    await hold(stores, "r2")  # nobody is listening any more
    await deliver(stores, target)
    (last,), total = await webhooks.attempts(stores, target.webhook_id, limit=1, offset=0)
    assert (total, last.status) == (3, None)
    (waiting,) = await webhooks.queued(stores, target.webhook_id, 10)
    assert (waiting.attempts, waiting.status, waiting.why) == (1, None, last.why)
    assert (waiting.number, waiting.thread) == (last.number, "r2")


async def test_one_notice_is_delivered_again(stores: Stores) -> None:
    await a_sale(stores)
    async with receiving() as receiver:
        target = await a_webhook(stores, receiver)
        await hold(stores, "r1")
        await hold(stores, "r2")
        await deliver(stores, target, rounds=2)
        assert len(receiver.received) == 2
        taken, _ = await webhooks.attempts(stores, target.webhook_id, limit=10, offset=0)
        await stored.disable(stores.postgres, target.webhook_id)
        again = (taken[0].number, taken[0].ordinal)
        assert await webhooks.replay_event(stores, target.webhook_id, *again, by=COMMAND_LINE) is True
        await deliver(stores, target)
        assert len(receiver.received) == 3
        assert (await webhooks.get(stores, target.webhook_id)).disabled_at is None
        assert await webhooks.replay_event(stores, target.webhook_id, 10**9, 1, by=COMMAND_LINE) is False
    with pytest.raises(NotFound):
        await webhooks.replay_event(stores, "none", *again, by=COMMAND_LINE)


async def test_the_log_is_bounded_by_age_and_by_number(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_sale(stores)
    async with receiving() as receiver:
        one, other = await a_webhook(stores, receiver), await a_webhook(stores, receiver)
    note = (
        "INSERT INTO webhook_attempts "
        "(webhook_id, number, ordinal, notice_id, type, attempt, took_ms, why, at) "
        "SELECT $1, n, 1, 'n', 't', 1, 1, '', now() - make_interval(days => $3) FROM generate_series(1, $2) n"
    )
    await stores.postgres.execute(note, one.webhook_id, 8, 0)
    await stores.postgres.execute(note, other.webhook_id, 3, 0)
    await stores.postgres.execute(note, other.webhook_id, 2, delivery_log.ATTEMPTS_KEPT_DAYS + 1)
    monkeypatch.setattr(delivery_log, "ATTEMPTS_MAX", 5)
    await delivery_log.forget_attempts(stores.postgres)
    remaining = {
        it: (await webhooks.attempts(stores, it.webhook_id, limit=9, offset=0))[1] for it in (one, other)
    }
    assert remaining == {one: 5, other: 3}
