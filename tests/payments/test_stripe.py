"""What Stripe may say to each call, and what is never charged or refunded because of it.

The answers here are written by hand, so that banks take their time and sums differ. How all of it works
together, with a server that keeps books: `tests/routes/orders/test_stripe.py`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr

from app.core.errors import ValidationFailed, WrongUsage
from app.core.payments.refunds import Refund
from app.payments.gateway import Charge, NotDecided, Refused
from app.payments.gateways.stripe import StripeGateway, open_stripe
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.payments.payments import Attempt, Bill

CARD, CHECKOUT = ("card", "pm_card_visa"), ("checkout", "hosted")
BILL = Bill(5000, "EUR", 0)
NEVER = datetime(2030, 6, 1, tzinfo=UTC)
INTENT, SESSION = "payment_intents/pi_1", "checkout/sessions/cs_1"


@dataclass
class Stripe:
    """Stripe's API: its answers, and the requests it got."""

    url: str = ""
    intent: dict[str, Any] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)
    refunds: list[dict[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session_is("open")
        self.intent_is("requires_confirmation")

    def intent_is(self, status: str, **changed: Any) -> None:
        """The state of the only PaymentIntent."""
        charge = {"amount": 5000, "amount_refunded": 0, "refunded": False, "created": 1_700_000_000}
        fields = {"id": "pi_1", "object": "payment_intent", "amount": 5000, "currency": "eur"}
        self.intent = {**fields, "client_secret": "cs", "status": status, "latest_charge": charge, **changed}

    def session_is(self, status: str, **changed: Any) -> None:
        """The state of the only Checkout Session."""
        fields = {"id": "cs_1", "object": "checkout.session", "url": "https://pay.example/cs_1"}
        self.session = {**fields, "status": status, "payment_status": "unpaid", **changed}

    def answer(self, method: str, path: str, fields: dict[str, str]) -> dict[str, Any]:
        """Answer a request."""
        self.calls.append(f"{method} {path}")
        if path == "refunds" and method == "POST":
            self.refunds.append(fields)
            return {"id": "re_1", "object": "refund"}
        if path == "refunds":
            return {"object": "list", "data": []}
        return self.session if path.startswith("checkout") else self.intent

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.partition("\r\n")[0].split()
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
            path = target.partition("?")[0].removeprefix("/v1/")
            text = json.dumps(self.answer(method, path, dict(parse_qsl(body)))).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(text))
            writer.write(text)
            await writer.drain()
        writer.close()


@pytest.fixture
async def stripe() -> AsyncIterator[Stripe]:
    found = Stripe()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    async with server:
        found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield found


def settings(url: str = "", **changed: Any) -> Settings:
    fields: dict[str, Any] = {"payments_key": SecretStr("sk_test_1"), "public_url": "https://q.example"}
    return Settings(payments_url=url, **(fields | changed))


@pytest.fixture
async def gateway(stores: Stores, stripe: Stripe) -> AsyncIterator[StripeGateway]:
    async with open_stripe(settings(stripe.url), stores) as found:
        yield found


def attempt(by: tuple[str, str] = CARD) -> Attempt:
    return Attempt("p1", "r1", "", *by)


async def opened(stores: Stores, *, session: bool = False, ago: str = "1 minute") -> None:
    """A payment of some time ago, by card or on Stripe's page."""
    await stores.postgres.execute(
        "INSERT INTO stripe_payments (payment_id, intent_id, session_id, amount, currency, created_at, "
        "looked_at) VALUES ('p1', $1, $2, 5000, 'EUR', now() - $3::text::interval, 'epoch')",
        *("" if session else "pi_1", "cs_1" if session else "", ago),
    )


async def make_due(stores: Stores) -> None:
    """The last look at Stripe is long past."""
    await stores.postgres.execute("UPDATE stripe_payments SET looked_at = 'epoch'")


def part(amount: int = 1500, currency: str = "EUR") -> Refund:
    return Refund("f1", "p1", "r1", amount, currency, [], True, "", "owed", "", 0, NEVER)


async def test_what_cannot_be_paid_at_stripe_is_refused_before_it_is_asked(
    stores: Stores, gateway: StripeGateway, stripe: Stripe
) -> None:
    gateway.accept(attempt(CARD))
    gateway.accept(attempt(CHECKOUT))
    with pytest.raises(ValidationFailed) as refused:
        gateway.accept(attempt(("card", "tok_ok")))
    assert refused.value.members["errors"][0]["field"] == "payment.token"
    async with open_stripe(settings(stripe.url, public_url=""), stores) as unreachable:
        unreachable.accept(attempt(CARD))
        with pytest.raises(ValidationFailed) as refused:
            unreachable.accept(attempt(CHECKOUT))
    assert refused.value.members["errors"][0]["field"] == "payment.method"
    for by in (CARD, CHECKOUT):  # Stripe counts ariary in whole units
        assert await gateway.charge(attempt(by), Bill(4510, "MGA", 0)) == Charge("declined")
    assert stripe.calls == []


@pytest.mark.parametrize("by", [CARD, CHECKOUT])
async def test_what_was_refunded_before_it_began_never_begins(
    gateway: StripeGateway, stripe: Stripe, by: tuple[str, str]
) -> None:
    await gateway.refund("p1")  # its buyer cancelled while the request was on its way
    await gateway.refund("p1")
    await gateway.stop("p1")
    assert await gateway.look_up("p1") == Charge("declined")
    assert stripe.calls == []
    assert await gateway.charge(attempt(by), BILL) == Charge("declined")  # not a page to pay on, either
    assert stripe.calls == [f"POST {(INTENT if by == CARD else SESSION).rpartition('/')[0]}"]


async def test_a_payment_that_is_repeated_is_opened_once(gateway: StripeGateway, stripe: Stripe) -> None:
    stripe.intent_is("requires_action")
    waiting = Charge("pending", client_secret="cs")
    assert await gateway.charge(attempt(), BILL) == waiting
    assert await gateway.charge(attempt(), BILL) == Charge("pending")  # looked at a moment ago
    assert stripe.calls.count(f"POST {INTENT}/confirm") == 1


async def test_a_refund_waits_for_the_bank_and_is_made_once(
    stores: Stores, gateway: StripeGateway, stripe: Stripe
) -> None:
    await opened(stores)
    stripe.intent_is("processing")
    with pytest.raises(NotDecided, match="bank has not decided"):
        await gateway.refund("p1")
    calls = len(stripe.calls)
    with pytest.raises(NotDecided, match="a moment ago"):
        await gateway.look_up("p1")
    assert (len(stripe.calls), stripe.refunds) == (calls, [])
    stripe.intent_is("succeeded")
    await make_due(stores)
    assert await gateway.look_up("p1") == Charge("declined")
    stripe.intent["latest_charge"] |= {"refunded": True, "amount_refunded": 5000}
    for _ in range(2):
        await make_due(stores)
        await gateway.refund("p1")
    assert stripe.refunds == [{"payment_intent": "pi_1", "amount": "5000"}]


async def test_what_never_charged_needs_no_refund(
    stores: Stores, gateway: StripeGateway, stripe: Stripe
) -> None:
    await opened(stores, session=True)
    stripe.session_is("expired")
    await gateway.refund("p1")
    assert stripe.refunds == []
    assert stripe.calls == [f"POST {SESSION}/expire", f"GET {SESSION}"]


@pytest.mark.parametrize(
    ("status", "ago", "wanted", "is_ended"),
    [
        ("processing", "3 days", "pending", False),  # a bank that takes its time: it may still succeed
        ("requires_action", "9 minutes", "pending", False),
        ("requires_action", "11 minutes", "pending", True),
        ("requires_confirmation", "20 seconds", "pending", False),
        ("requires_confirmation", "31 seconds", "pending", True),
        ("requires_payment_method", "1 second", "declined", False),
        ("canceled", "1 second", "declined", False),
    ],
)
async def test_a_payment_is_waited_for_as_long_as_it_may_take(
    stores: Stores, gateway: StripeGateway, stripe: Stripe, status: str, ago: str, wanted: str, is_ended: bool
) -> None:
    await opened(stores, ago=ago)
    stripe.intent_is(status)
    found = await gateway.look_up("p1")
    assert found is not None
    assert found.status == wanted
    assert (f"POST {INTENT}/cancel" in stripe.calls) == is_ended


@pytest.mark.parametrize("changed", [{"amount": 4000}, {"currency": "usd"}])
async def test_another_sum_than_the_bill_pays_for_nothing(
    stores: Stores, gateway: StripeGateway, stripe: Stripe, changed: dict[str, Any]
) -> None:
    await opened(stores)
    stripe.intent_is("succeeded", **changed)
    with pytest.raises(NotDecided, match="different amount"):
        await gateway.look_up("p1")
    stripe.intent_is("succeeded")
    assert await gateway.look_up("p1") == Charge("succeeded", 1_700_000_000_000)


async def test_a_part_is_refunded_only_of_a_charge(
    stores: Stores, gateway: StripeGateway, stripe: Stripe
) -> None:
    with pytest.raises(Refused, match="no charge"):  # never opened
        await gateway.refund_part(part())
    await opened(stores)
    for status, refund in (("canceled", part()), ("succeeded", part(4505, "KWD"))):
        stripe.intent_is(status)
        with pytest.raises(Refused, match="no charge"):
            await gateway.refund_part(refund)
    assert stripe.refunds == []
    await gateway.refund_part(part())
    (made,) = stripe.refunds
    assert (made["amount"], made["metadata[refund_id]"]) == ("1500", "f1")


async def test_without_the_library_or_the_key_it_says_what_is_missing(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WrongUsage, match="FAIRGATE_PAYMENTS_KEY"):
        async with open_stripe(settings(payments_key=SecretStr("")), stores):
            pass
    monkeypatch.setitem(sys.modules, "stripe", None)
    with pytest.raises(WrongUsage, match=r"fairgate\[stripe\]"):
        async with open_stripe(settings(), stores):
            pass
