"""The gateway's messages about payments: hints, accepted if signed and fresh, and processed once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from app.core.clock import now_ms
from app.core.model import RoomId
from app.reservations import holds
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.payments.payments import Attempt, begin
from app.store.sql.reservations.reservations import NewHold, Origin, insert_holds
from tests.routes.conftest import Web, code, field_of, gateway_headers, served

PATH = "/v1/payments/webhook"


def signed(document: Any, message_id: str = "msg_1", age_s: int = 0) -> dict[str, Any]:
    """A request as the gateway sends it."""
    body = json.dumps(document)
    return {"content": body, "headers": gateway_headers(body, message_id, age_s)}


def gateway_message(payment_id: str, kind: str = "payment.succeeded") -> dict[str, Any]:
    return {"type": kind, "data": {"payment_id": payment_id}}


async def paying(web: Web, stores: Stores) -> tuple[str, str]:
    """A reservation being paid through a slow gateway, and its payment; no worker asks the gateway."""
    origin = Origin(RoomId("gala"), await stores.postgres.fetchval("SELECT epoch FROM rooms"), "gala")
    terms = f"5000|EUR|{now_ms()}|{now_ms() + 300_000}|floor:1:5000"
    await insert_holds(stores.postgres, origin, [NewHold("r1", "ann", "print", terms)])
    attempt = Attempt("p1", "r1", "print", "card", "tok_slow")
    bills = await begin(stores.postgres, [attempt])
    assert (await web.app.engine.gateway.charge(attempt, bills["p1"])).status == "pending"
    return "r1", "p1"


async def status(stores: Stores, reservation_id: str) -> str:
    found: str = await stores.postgres.fetchval(
        "SELECT status FROM reservations WHERE reservation_id = $1", reservation_id
    )
    return found


async def settle(stores: Stores, payment_id: str, approved: bool = True) -> None:
    """The gateway has decided, and recorded it in its books."""
    await stores.postgres.execute(
        "UPDATE simulated_charges SET settles_at = now(), approved = $2 WHERE payment_id = $1",
        payment_id,
        approved,
    )


@pytest.fixture
async def sale(web: Web, stores: Stores) -> tuple[str, str]:
    """A payment that the gateway has not decided."""
    await web.event(floor=2)
    return await paying(web, stores)


async def test_a_payment_is_confirmed_when_the_gateway_says_so(
    web: Web, stores: Stores, sale: tuple[str, str]
) -> None:
    reservation_id, payment_id = sale
    await settle(stores, payment_id)
    for _ in range(2):
        answer = await web.send("POST", PATH, **signed(gateway_message(payment_id)))
        assert answer.status_code == 204, answer.text
    assert await status(stores, reservation_id) == "confirmed"
    assert await stores.postgres.fetchval("SELECT count(*) FROM tickets") == 1


async def test_the_books_decide_and_not_the_message(web: Web, stores: Stores, sale: tuple[str, str]) -> None:
    reservation_id, payment_id = sale
    early = await web.send("POST", PATH, **signed(gateway_message(payment_id)))
    assert early.status_code == 204
    assert await status(stores, reservation_id) == "paying"  # pending in the books: never confirmed unpaid
    await settle(stores, payment_id, approved=False)
    second = await web.send("POST", PATH, **signed(gateway_message(payment_id), "msg_2"))
    assert second.status_code == 204
    assert await status(stores, reservation_id) == "held"
    late = await web.send("POST", PATH, **signed(gateway_message(payment_id), "msg_3"))
    assert late.status_code == 204
    assert await status(stores, reservation_id) == "held"


async def test_a_copy_of_an_old_message_does_nothing(web: Web, stores: Stores, sale: tuple[str, str]) -> None:
    reservation_id, payment_id = sale
    message = signed(gateway_message(payment_id))
    assert (await web.send("POST", PATH, **message)).status_code == 204
    await settle(stores, payment_id)
    assert (await web.send("POST", PATH, **message)).status_code == 204
    assert await status(stores, reservation_id) == "paying"


async def test_a_payment_after_the_hold_is_taken_while_tickets_are_left(
    web: Web, stores: Stores, sale: tuple[str, str]
) -> None:
    reservation_id, payment_id = sale
    await stores.postgres.execute("UPDATE reservations SET expires_at = now() - interval '1 second'")
    assert await holds.expire_due(stores) == 0
    await settle(stores, payment_id)
    assert (await web.send("POST", PATH, **signed(gateway_message(payment_id)))).status_code == 204
    assert await status(stores, reservation_id) == "confirmed"


async def test_and_given_back_when_none_is_left(web: Web, stores: Stores, sale: tuple[str, str]) -> None:
    reservation_id, payment_id = sale
    await stores.postgres.execute("UPDATE ticket_types SET total = held + sold")
    await stores.postgres.execute("UPDATE reservations SET expires_at = now() - interval '1 second'")
    await settle(stores, payment_id)
    assert (await web.send("POST", PATH, **signed(gateway_message(payment_id)))).status_code == 204
    assert await status(stores, reservation_id) == "expired"
    assert await stores.postgres.fetchval("SELECT status FROM payments") == "refunded"


async def test_what_is_forged_or_old_is_refused(web: Web) -> None:
    good = signed(gateway_message("p1"))
    refused = [
        signed(gateway_message("p1"), age_s=400),
        signed(gateway_message("p1"), age_s=-400),
        {**good, "content": json.dumps(gateway_message("p2"))},
        {**good, "headers": {**good["headers"], "webhook-id": "msg_2"}},
        {**good, "headers": {**good["headers"], "webhook-signature": "v1,AAAA"}},
        {**good, "headers": {**good["headers"], "webhook-signature": "nonsense"}},
        {**good, "headers": {**good["headers"], "webhook-timestamp": "nan"}},
        {**good, "headers": {"content-type": "application/json", "webhook-id": "msg_1"}},
        {**good, "content": b"\xff\xfe"},
    ]
    for request in refused:
        assert code(await web.send("POST", PATH, **request)) == (401, "credential_invalid"), request
    bare = {"content-type": "application/json"}
    assert code(await web.send("POST", PATH, content="{}", headers=bare)) == (401, "credential_missing")


async def test_what_is_signed_and_wrong_is_named(web: Web) -> None:
    assert field_of(await web.send("POST", PATH, **signed({"data": {"payment_id": "p1"}}))) == "type"
    assert field_of(await web.send("POST", PATH, **signed({"type": "payment.failed"}))) == "data"
    unnamed = {"type": "payment.failed", "data": {}}
    assert field_of(await web.send("POST", PATH, **signed(unnamed))) == "data.payment_id"


async def test_what_does_not_concern_us_is_taken_and_changes_nothing(
    web: Web, stores: Stores, sale: tuple[str, str]
) -> None:
    """Senders add fields and kinds of messages; if we refused those, they would resend them for days."""
    reservation_id, payment_id = sale
    await settle(stores, payment_id)
    for number, message in enumerate(
        (
            gateway_message(payment_id, "payment.disputed"),
            gateway_message("not-one-of-ours"),
            gateway_message("not-one-of-ours") | {"livemode": True},
            {"type": "customer.created", "data": ["anything", 7]},
            {"type": "ping"},
        )
    ):
        taken = await web.send("POST", PATH, **signed(message, f"msg_{number}"))
        assert taken.status_code == 204, taken.text
        assert await status(stores, reservation_id) == "paying"
    more = {"type": "payment.succeeded", "timestamp": 1, "data": {"payment_id": payment_id, "fee": 3}}
    assert (await web.send("POST", PATH, **signed(more, "msg_more"))).status_code == 204
    assert await status(stores, reservation_id) == "confirmed"


async def test_without_a_secret_nothing_is_believed(web: Web, settings: Settings) -> None:
    request = signed(gateway_message("p1"))
    async with served(settings.model_copy(update={"payment_webhook_secret": SecretStr("")})) as other:
        assert code(await other.send("POST", PATH, **request)) == (401, "credential_invalid")
