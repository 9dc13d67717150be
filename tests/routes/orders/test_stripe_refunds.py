"""Refunds through Stripe are made once: in parts, in full, after a lost response, after a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from app.reservations.settlement import settle_payments
from app.store.connections import Stores
from app.store.sql.payments import refunds
from tests.routes.conftest import Web
from tests.routes.orders.test_paying import held, pay
from tests.routes.orders.test_stripe import (
    CHECKOUT,
    VISA,
    intent_of,
    refunded,
    settings,
    shop,
    status,
    stripe,
    tell,
)
from tests.support.stripe_server import Stripe
from tests.support.waiting import wait_until

__all__ = ["settings", "shop", "stripe"]


async def part(shop: Web, path: str, amount: int, key: str = "r1") -> dict[str, Any]:
    """A partial refund, as requested by staff."""
    order = path.rsplit("/", 1)[1]
    headers = {**shop.as_("admin"), "Idempotency-Key": key}
    answer = await shop.post(f"/v1/orders/{order}/refunds", {"amount": amount}, headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_money_that_comes_after_the_tickets_are_gone_goes_back_once(
    shop: Web, stripe: Stripe, stores: Stores
) -> None:
    path, place, _ = await held(shop)
    stripe.pay((await pay(shop, path, place, payment=CHECKOUT)).json()["continue_url"])
    await stores.postgres.execute("UPDATE reservations SET expires_at = now() - interval '1 minute'")
    await stores.postgres.execute("UPDATE ticket_types SET total = held + sold")
    intent = intent_of(stripe, path)
    for message_id in ("evt_a", "evt_b"):
        assert await tell(shop, "checkout.session.completed", intent, message_id) == 204
    await status(shop, path, place, "expired")

    async def back() -> bool:
        await settle_payments(stores, shop.app.engine.gateway)
        return refunded(stripe, intent) == [5000]

    await wait_until(back, "the refund")
    assert await stores.postgres.fetchval("SELECT status FROM payments") == "refunded"


async def test_parts_are_refunded_once_each_and_then_what_is_left(
    shop: Web, stripe: Stripe, stores: Stores
) -> None:
    path, place, _ = await held(shop)
    await pay(shop, path, place, payment=VISA)
    intent = intent_of(stripe, path)
    made = await part(shop, path, 1500)
    assert made["state"] == "done"
    await stores.postgres.execute("UPDATE refunds SET state = 'owed'")  # as if the response had been lost
    await settle_payments(stores, shop.app.engine.gateway)
    await part(shop, path, 1500)
    assert await stores.postgres.fetchval("SELECT state FROM refunds") == "done"
    assert refunded(stripe, intent) == [1500]
    for message_id in ("evt_1", "evt_1", "evt_0"):  # duplicated and out of order
        subject = stripe.refunds()[0] | {"amount_refunded": 1500}
        assert await tell(shop, "charge.refunded", subject, message_id) == 204
    notes = "SELECT count(*) FROM payment_notes"
    assert await stores.postgres.fetchval(notes) == 0  # it is one of our own refunds, so there is nothing new
    assert (await shop.post(f"{path}/cancel", headers=place)).json()["status"] == "cancelled"
    assert sorted(refunded(stripe, intent)) == [1500, 3500]


async def test_a_refund_that_stripe_refuses_is_shown_and_asked_for_again(
    shop: Web, stripe: Stripe, stores: Stores
) -> None:
    path, place, _ = await held(shop)
    await pay(shop, path, place, payment=VISA)
    order, intent = path.rsplit("/", 1)[1], intent_of(stripe, path)
    await stores.postgres.execute("UPDATE stripe_payments SET intent_id = 'pi_nobody_has'")
    made = await part(shop, path, 2000)
    assert made["state"] == "failed"
    assert made["why"]
    assert (await shop.get(path, headers=place)).json()["refunded"] == 0
    cookie = await shop.staff()
    shown = (await shop.get(f"/admin/orders/{order}", headers=cookie)).text
    assert "refused" in shown
    await stores.postgres.execute("UPDATE stripe_payments SET intent_id = $1", intent["id"])
    again = {"refund_id": made["refund_id"]}
    for _ in range(2):
        await shop.post(f"/admin/orders/{order}/retry-refund", headers=cookie, data=again)
    subject = {"payment_intent": intent["id"], "metadata": {"refund_id": made["refund_id"]}}
    assert await tell(shop, "refund.failed", subject, "evt_f") == 204
    await shop.post(f"/admin/orders/{order}/retry-refund", headers=cookie, data=again)
    assert await tell(shop, "refund.failed", subject, "evt_f") == 204  # a duplicate from before the retry
    assert await stores.postgres.fetchval("SELECT state FROM refunds") == "done"
    assert refunded(stripe, intent) == [2000]
    await stores.postgres.execute("UPDATE stripe_payments SET intent_id = 'pi_nobody_has'")
    assert (await shop.post(f"{path}/cancel", headers=place)).json()["status"] == "cancelled"
    await settle_payments(stores, shop.app.engine.gateway)
    assert "refused" in (await shop.get(f"/admin/orders/{order}", headers=cookie)).text
    await stores.postgres.execute("UPDATE stripe_payments SET intent_id = $1", intent["id"])
    await settle_payments(stores, shop.app.engine.gateway)
    assert refunded(stripe, intent) == [2000]  # staff decide when
    await stores.postgres.execute("UPDATE stripe_payments SET looked_at = 'epoch'")
    await shop.post(f"/admin/orders/{order}/retry-refund", headers=cookie, data={})
    assert sorted(refunded(stripe, intent)) == [2000, 3000]


async def test_a_refund_whose_answer_is_late_is_asked_for_by_the_same_key(
    shop: Web, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another key there would be a second refund: Stripe has the first request, but does not list it."""
    path, place, _ = await held(shop)
    await pay(shop, path, place, payment=VISA)
    order, keys, module = path.rsplit("/", 1)[1], list[str](), "app.payments.gateways.stripe"
    await part(shop, path, 1000)

    async def done() -> bool:  # if Stripe's answer was late, the shop's own loop asks again
        return str(await stores.postgres.fetchval("SELECT state FROM refunds")) == "done"

    await wait_until(done, "the refund")
    [made] = await refunds.of_order(stores.postgres, order)

    def key(step: str, subject: str) -> dict[str, str]:
        keys.append(step)
        return {"idempotency_key": f"{step}-{subject}"}

    monkeypatch.setattr(f"{module}._key", key)
    monkeypatch.setattr(f"{module}._is_of", lambda made, refund: False)
    for tries in (0, 1, 7, 8):
        await shop.app.engine.gateway.refund_part(made._replace(tries=tries))
    assert keys == ["part-0", "part-0", "part-0", "part-8"]
