"""Stripe: sold once, refunded once, whatever is late, duplicated, cut off or done elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import GATEWAY_SECRET, Web, code, field_of, served, stripe_signature
from tests.routes.orders.test_paying import held, pay
from tests.support.app_server import serve_app
from tests.support.stripe_server import ASKS_THE_BANK, DECLINED, KEY, Stripe, stripe_server
from tests.support.waiting import wait_until
from worker.context import WorkerContext

VISA = {"method": "card", "token": "pm_card_visa"}
CHECKOUT = {"method": "checkout", "token": "hosted"}


@pytest.fixture(scope="module")
def stripe() -> Iterator[Stripe]:
    with stripe_server() as found:
        yield found


@pytest.fixture
def settings(settings: Settings, stripe: Stripe) -> Settings:
    update = {
        "simulate_payments": False,
        "payments": "stripe",
        "payments_key": SecretStr(KEY),
        "payments_url": stripe.url,
        "public_url": "http://fairgate.test",
    }
    return settings.model_copy(update=update)


@pytest.fixture
async def shop(settings: Settings, stores: Stores, worker: WorkerContext) -> AsyncIterator[Web]:
    async with served(settings) as web:
        await web.event(floor=5)
        yield web


async def status(shop: Web, path: str, place: dict[str, str], wanted: str) -> dict[str, Any]:
    """Wait until the reservation has this status."""

    async def is_so() -> dict[str, Any] | None:
        found: dict[str, Any] = (await shop.get(path, headers=place)).json()
        return found if found["status"] == wanted else None

    return await wait_until(is_so, f"status {wanted}")


def on_pages(path: str, place: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The page of a reservation, and the visitor's cookie."""
    return path.replace("/v1", ""), {"Cookie": f"fairgate_place_gala={place['Authorization'].split()[1]}"}


def authenticate(stripe: Stripe, path: str, answer: httpx.Response, success: str) -> None:
    """What Stripe's script on the shop's page does once the bank has decided."""
    done = {"client_secret": answer.json()["client_secret"], "success": success}
    stripe.post(f"payment_intents/{intent_of(stripe, path)['id']}/_authenticate", **done).raise_for_status()


def intent_of(stripe: Stripe, path: str) -> dict[str, Any]:
    """The only PaymentIntent of a reservation."""
    reservation_id = path.rsplit("/", 1)[1]
    (found,) = [it for it in stripe.intents() if it["metadata"].get("reservation_id") == reservation_id]
    return found


def refunded(stripe: Stripe, intent: dict[str, Any]) -> list[int]:
    """The refunds of an intent."""
    return [it["amount"] for it in stripe.refunds() if it["payment_intent"] == intent["id"]]


async def tell(shop: Web, kind: str, subject: dict[str, Any], message_id: str = "evt_1", **more: Any) -> int:
    """Send a message as Stripe does; `age_s` and `secret` can make it invalid."""
    body = json.dumps({"id": message_id, "type": kind, "data": {"object": subject}})
    signature = stripe_signature(body, **more)
    headers = {"content-type": "application/json", "Stripe-Signature": signature}
    return (await shop.send("POST", "/v1/payments/stripe", content=body, headers=headers)).status_code


async def test_a_card_pays_once_and_a_cancelled_order_is_refunded_once(shop: Web, stripe: Stripe) -> None:
    path, place, _ = await held(shop)
    assert field_of(await pay(shop, path, place)) == "payment.token"  # tok_ok is not a token of Stripe
    paid = await pay(shop, path, place, payment=VISA)
    assert paid.json()["status"] == "confirmed", paid.text
    assert (await pay(shop, path, place, payment=VISA)).headers["idempotent-replay"] == "true"
    intent = intent_of(stripe, path)
    assert (intent["amount"], intent["currency"], intent["status"]) == (5000, "eur", "succeeded")
    for _ in range(2):
        assert (await shop.post(f"{path}/cancel", headers=place)).json()["status"] == "cancelled"
    assert refunded(stripe, intent) == [5000]


async def test_a_declined_card_leaves_the_hold_and_another_card_pays(shop: Web, stripe: Stripe) -> None:
    path, place, _ = await held(shop)
    declined = {"method": "card", "token": stripe.card(DECLINED)}
    assert code(await pay(shop, path, place, "first", payment=declined)) == (402, "payment_declined")
    unknown = {"method": "card", "token": "pm_nobody_has"}
    assert code(await pay(shop, path, place, "second", payment=unknown)) == (402, "payment_declined")
    assert (await shop.get(path, headers=place)).json()["status"] == "held"
    assert (await pay(shop, path, place, "third", payment=VISA)).json()["status"] == "confirmed"


async def test_a_bank_that_asks_the_buyer_is_waited_for(shop: Web, stripe: Stripe, stores: Stores) -> None:
    path, place, _ = await held(shop)
    before = (await shop.get(path, headers=place)).json()["expires_at"]
    payment = {"method": "card", "token": stripe.card(ASKS_THE_BANK)}
    answer = await pay(shop, path, place, payment=payment)
    assert answer.status_code == 202, answer.text
    assert answer.json()["expires_at"] > before  # extended once to give the bank time
    again = await pay(shop, path, place, payment=payment)
    assert again.json()["client_secret"] == answer.json()["client_secret"] != ""
    authenticate(stripe, path, answer, "true")
    intent = intent_of(stripe, path)
    assert await tell(shop, "payment_intent.succeeded", intent) == 204
    assert (await shop.get(path, headers=place)).json()["status"] == "confirmed"
    assert await tell(shop, "payment_intent.succeeded", intent) == 204


async def test_a_bank_that_says_no_leaves_the_hold(shop: Web, stripe: Stripe) -> None:
    path, place, _ = await held(shop)
    answer = await pay(shop, path, place, payment={"method": "card", "token": stripe.card(ASKS_THE_BANK)})
    authenticate(stripe, path, answer, "false")
    assert await tell(shop, "payment_intent.payment_failed", intent_of(stripe, path)) == 204
    assert (await shop.get(path, headers=place)).json()["status"] == "held"


async def test_a_buyer_pays_on_stripes_page_and_comes_back_to_tickets(shop: Web, stripe: Stripe) -> None:
    path, place, _ = await held(shop)
    page, cookie = on_pages(path, place)
    shown = (await shop.get(page, headers=cookie)).text
    assert 'name="method" value="checkout"' in shown
    form = {**CHECKOUT, "idempotency_key": "k1"}
    assert (await shop.post(f"{page}/pay", headers=cookie, data=form)).status_code == 303
    url = (await shop.get(path, headers=place)).json()
    assert url["status"] == "paying"
    going_on = (await shop.get(page, headers=cookie)).text
    assert "Continue to payment" in going_on
    (address,) = [it.split('"')[0] for it in going_on.split('href="')[1:] if it.startswith(stripe.url)]
    assert "Pay 5000" in stripe.page(address)
    back = stripe.pay(address).headers["location"]
    assert back == f"http://fairgate.test{page}?asked=1"
    assert (await status(shop, path, place, "confirmed"))["tickets"]
    assert intent_of(stripe, path)["amount"] == 5000


async def test_a_buyer_who_turns_back_from_stripes_page_pays_otherwise(shop: Web, stripe: Stripe) -> None:
    path, place, _ = await held(shop)
    page, cookie = on_pages(path, place)
    answer = await pay(shop, path, place, "first", payment=CHECKOUT)
    address = answer.json()["continue_url"]
    assert (await shop.post(f"{page}/stop", headers=cookie)).status_code == 303
    assert (await shop.get(path, headers=place)).json()["status"] == "held"
    assert stripe.pay(address).status_code == 410
    assert (await shop.post(f"{page}/stop", headers=cookie)).status_code == 303  # nothing is left to stop
    assert (await pay(shop, path, place, "second", payment=VISA)).json()["status"] == "confirmed"


async def test_who_paid_before_they_turned_back_has_the_tickets(shop: Web, stripe: Stripe) -> None:
    path, place, _ = await held(shop)
    page, cookie = on_pages(path, place)
    stripe.pay((await pay(shop, path, place, payment=CHECKOUT)).json()["continue_url"])
    await shop.post(f"{page}/stop", headers=cookie)
    assert (await shop.get(path, headers=place)).json()["status"] == "confirmed"
    assert refunded(stripe, intent_of(stripe, path)) == []


async def test_a_buyer_who_never_comes_back_loses_the_hold_and_cannot_pay_later(
    shop: Web, stripe: Stripe, stores: Stores
) -> None:
    path, place, _ = await held(shop)
    address = (await pay(shop, path, place, payment=CHECKOUT)).json()["continue_url"]
    await stores.postgres.execute(
        "UPDATE stripe_payments SET created_at = now() - interval '11 minutes', looked_at = 'epoch'"
    )
    await stores.postgres.execute("UPDATE reservations SET expires_at = now() - interval '1 minute'")
    await status(shop, path, place, "expired")
    assert stripe.pay(address).status_code == 410


async def test_what_was_cut_off_before_it_charged_never_charges(
    shop: Web, stripe: Stripe, stores: Stores
) -> None:
    path, place, _ = await held(shop)
    reservation_id = path.rsplit("/", 1)[1]
    made = stripe.post(
        "payment_intents",
        amount="5000",
        currency="eur",
        payment_method="pm_card_visa",
        **{"metadata[reservation_id]": reservation_id, "metadata[payment_id]": "p-cut-off"},
    ).json()
    await stores.postgres.execute("UPDATE reservations SET status = 'paying'")
    await stores.postgres.execute(
        "INSERT INTO payments (payment_id, reservation_id, fingerprint, method, token, amount, status, "
        "created_at) VALUES ('p-cut-off', $1, '', 'card', 'pm_card_visa', 5000, 'asked', "
        "now() - interval '1 minute')",
        reservation_id,
    )
    await stores.postgres.execute(
        "INSERT INTO stripe_payments VALUES "
        "('p-cut-off', $1, '', 5000, 'EUR', false, now() - interval '1 minute', 'epoch')",
        made["id"],
    )
    await status(shop, path, place, "held")
    assert intent_of(stripe, path)["status"] == "canceled"


async def test_while_stripe_is_away_nothing_is_charged_and_the_hold_comes_back(
    shop: Web, stripe: Stripe, settings: Settings, stores: Stores
) -> None:
    path, place, _ = await held(shop)
    away = settings.model_copy(update={"payments_url": "http://127.0.0.1:9"})
    async with served(away) as other:
        answer = await pay(other, path, place, payment=VISA)
    assert answer.status_code in (202, 402), answer.text
    await stores.postgres.execute("UPDATE payments SET created_at = now() - interval '1 minute'")
    await status(shop, path, place, "held")
    assert (await pay(shop, path, place, "again", payment=VISA)).json()["status"] == "confirmed"
    assert intent_of(stripe, path)["amount"] == 5000


async def test_messages_are_believed_by_their_signature_alone(shop: Web, stripe: Stripe) -> None:
    subject = {"metadata": {"payment_id": "nobody's"}}
    kind = "payment_intent.succeeded"
    assert await tell(shop, kind, subject) == 204
    assert await tell(shop, kind, subject, secret="whsec_another") == 401
    assert await tell(shop, kind, subject, age_s=400) == 401
    for header in ("", "t=,v1=", "t=1" * 500, "v1=00", f"t={int(time.time())}", "t=²,v1=00"):
        headers = {"content-type": "application/json", "Stripe-Signature": header.encode()}
        answer = await shop.send("POST", "/v1/payments/stripe", content=b"{}", headers=headers)
        assert answer.status_code == 401, header


async def test_what_is_done_at_stripe_behind_our_back_is_in_the_orders_history(
    shop: Web, stripe: Stripe
) -> None:
    path, place, _ = await held(shop)
    await pay(shop, path, place, payment=VISA)
    intent = intent_of(stripe, path)
    charge = {"payment_intent": intent["id"], "amount_refunded": 1500, "amount": 5000, "currency": "eur"}
    for message_id in ("evt_r", "evt_r"):
        assert await tell(shop, "charge.refunded", charge, message_id) == 204
    assert await tell(shop, "charge.dispute.created", charge, "evt_d") == 204
    cookie = await shop.staff()
    shown = (await shop.get(f"/admin/orders/{path.rsplit('/', 1)[1]}", headers=cookie)).text
    assert shown.count("refunded at the gateway: €15.00") == 1
    assert "disputed by the buyer: €50.00" in shown


async def test_stripes_own_messages_reach_us(shop: Web, stripe: Stripe, settings: Settings) -> None:
    path, place, _ = await held(shop)
    async with serve_app(shop.quart) as url:
        stripe.send_webhooks_to(f"{url}/v1/payments/stripe", GATEWAY_SECRET)
        answer = await pay(shop, path, place, payment={"method": "card", "token": stripe.card(ASKS_THE_BANK)})
        authenticate(stripe, path, answer, "true")

        async def processed() -> bool:
            return bool(await shop.app.stores.postgres.fetchval("SELECT count(*) FROM gateway_messages"))

        await wait_until(processed, "the message")
    assert (await shop.get(path, headers=place)).json()["status"] == "confirmed"
