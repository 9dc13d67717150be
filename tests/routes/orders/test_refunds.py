"""Partial refunds: never more than was paid, each once, tickets void, the stock correct."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from app.core.model import EventId
from app.notifications.email_content import open_writer, write
from app.reservations import refunds
from app.reservations.consistency import check
from app.reservations.holds import repair
from app.store.connections import Stores
from app.store.sql.notifications import mails as mail_rows
from app.store.sql.payments import refunds as rows
from tests.routes.conftest import Web, code, field_of
from tests.routes.orders.test_orders import a_purchase
from worker.context import WorkerContext


async def refund(web: Web, order: str, key: str = "r1", **body: Any) -> httpx.Response:
    headers = {**web.as_("admin"), "Idempotency-Key": key}
    return await web.post(f"/v1/orders/{order}/refunds", body, headers=headers)


async def gave_back(stores: Stores) -> list[int]:
    """The partial refunds in the gateway's books."""
    found = await stores.postgres.fetch(
        "SELECT value::bigint FROM simulated_charges, jsonb_each_text(refunds) ORDER BY 1"
    )
    return [row[0] for row in found]


async def test_parts_are_refunded_once_each_and_never_more_than_was_paid(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=5)
    order, place = await a_purchase(web)  # 2 tickets at 50.00
    assert code(await refund(web, order, "", amount=1))[1] == "idempotency_key_required"
    assert field_of(await refund(web, order, amount=10_001)) == "amount"
    assert field_of(await refund(web, order, amount=0)) == "amount"
    assert code(await refund(web, "nobody", amount=1)) == (404, "reservation_not_found")
    answers = await asyncio.gather(*(refund(web, order, amount=1500, reason="late") for _ in range(3)))
    assert {it.status_code for it in answers} == {201}
    assert len({it.json()["refund_id"] for it in answers}) == 1
    assert answers[0].json() | {"refund_id": "", "state": ""} == {
        **{"refund_id": "", "amount": 1500, "currency": "EUR", "codes": [], "to_stock": True},
        **{"reason": "late", "state": "", "why": ""},
    }
    assert code(await refund(web, order, amount=1600))[1] == "idempotency_key_reused"
    assert (await refund(web, order, "r2", amount=8500)).json()["state"] == "done"
    assert field_of(await refund(web, order, "r3", amount=1)) == "amount"
    assert await gave_back(stores) == [1500, 8500]
    shown = (await web.get(f"/v1/reservations/{order}", headers=place)).json()
    assert (shown["status"], shown["amount"], shown["refunded"]) == ("confirmed", 10_000, 10_000)
    listed = (await web.get(f"/v1/orders/{order}/refunds", headers=web.as_("operator"))).json()["items"]
    assert [(it["amount"], it["state"]) for it in listed] == [(1500, "done"), (8500, "done")]


async def test_many_at_once_never_exceed_what_was_paid(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=5)
    order, _ = await a_purchase(web)
    answers = await asyncio.gather(*(refund(web, order, f"r{n}", amount=3000) for n in range(8)))
    assert sorted(it.status_code for it in answers) == [201] * 3 + [422] * 5
    assert sum(await gave_back(stores)) == 9000


async def test_one_ticket_of_an_order_is_cancelled_and_sold_again(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=2)
    order, place = await a_purchase(web)
    shown = (await web.get(f"/v1/reservations/{order}", headers=place)).json()
    tickets, stays = shown["tickets"]
    made = await refund(web, order, ticket_ids=[tickets["ticket_id"]])
    assert made.status_code == 201, made.text
    assert (made.json()["amount"], made.json()["codes"]) == (5000, [tickets["code"]])
    assert field_of(await refund(web, order, "r2", ticket_ids=[tickets["ticket_id"]])) == "ticket_ids[0]"
    shown = (await web.get(f"/v1/reservations/{order}", headers=place)).json()
    assert [it["code"] for it in shown["tickets"]] == [stays["code"]]
    assert shown["items"] == [{"ticket_type_id": "floor", "quantity": 1, "price": 5000}]
    assert await check(stores, EventId("gala")) == []
    await a_purchase_of_one(web)
    assert await check(stores, EventId("gala")) == []
    last = await refund(web, order, "r3", ticket_ids=[stays["ticket_id"]], amount=4000)
    assert last.json()["state"] == "done"
    shown = (await web.get(f"/v1/reservations/{order}", headers=place)).json()
    assert (shown["status"], shown["tickets"], shown["refunded"]) == ("cancelled", [], 9000)
    assert await stores.postgres.fetchval("SELECT count(*) FROM payments WHERE status = 'succeeded'") == 2
    assert await check(stores, EventId("gala")) == []


async def a_purchase_of_one(web: Web) -> None:
    """Somebody else buys the returned ticket."""
    place, booking = await web.inside("gala")
    held = (await web.reserve("gala", booking, 1)).json()["reservation_id"]
    payment = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(
        f"/v1/reservations/{held}/confirm", payment, headers={**place, "Idempotency-Key": "p"}
    )
    assert paid.json()["status"] == "confirmed", paid.text


async def test_a_ticket_can_stay_out_of_the_stock(web: Web, worker: WorkerContext, stores: Stores) -> None:
    await web.event(floor=2)
    order, place = await a_purchase(web, email="ann@example.org")
    first, second = (await web.get(f"/v1/reservations/{order}", headers=place)).json()["tickets"]
    made = await refund(web, order, ticket_ids=[first["ticket_id"]], amount=0, to_stock=False)
    assert (made.json()["state"], made.json()["amount"]) == ("done", 0)
    shown = (await web.get(f"/v1/reservations/{order}", headers=place)).json()
    assert [it["code"] for it in shown["tickets"]] == [second["code"]]
    [mail] = [it for it in await mail_rows.claim(stores.postgres, 50) if it.kind == "refunded"]
    written = write(open_writer(web.app.settings), mail)
    assert written.subject == "Tickets cancelled: Gala"
    assert first["code"] in written.body
    assert "is refunded" not in written.body
    free = (await web.get("/v1/events/gala/availability")).json()["ticket_types"][0]["free"]
    assert free == 0
    assert await check(stores, EventId("gala")) == []


@pytest.mark.parametrize("both", [False, True])
async def test_a_crash_before_redis_heard_of_it_is_repaired(
    web: Web, worker: WorkerContext, stores: Stores, both: bool
) -> None:
    await web.event(floor=3)
    order, place = await a_purchase(web)
    first, second = (await web.get(f"/v1/reservations/{order}", headers=place)).json()["tickets"]
    await refund(web, order, ticket_ids=[first["ticket_id"]])
    if both:
        await refund(web, order, "r2", ticket_ids=[second["ticket_id"]])
    await stores.postgres.execute("UPDATE reservations SET released = false")
    await repair(stores, older_than_s=0)
    assert await check(stores, EventId("gala")) == []
    assert await stores.postgres.fetchval("SELECT bool_and(released) FROM reservations")


async def test_tickets_that_cost_more_than_is_left_get_back_what_is_left(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=5)
    order, place = await a_purchase(web)
    tickets = (await web.get(f"/v1/reservations/{order}", headers=place)).json()["tickets"]
    await refund(web, order, amount=2500)
    made = await refund(web, order, "r2", ticket_ids=[it["ticket_id"] for it in tickets])
    assert (made.status_code, made.json()["amount"]) == (201, 7500), made.text
    assert await gave_back(stores) == [2500, 7500]


async def test_a_cancelled_order_gets_back_what_is_left_of_it(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=5)
    order, _ = await a_purchase(web, email="ann@example.org")
    await refund(web, order, amount=2500)
    cancelled = await web.post(f"/v1/orders/{order}/cancel", headers=web.as_("admin"))
    assert cancelled.json()["status"] == "cancelled"
    assert code(await refund(web, order, "r2", amount=1))[0] == 409
    mails = await stores.postgres.fetch("SELECT subject_id FROM mails WHERE kind = 'refunded'")
    assert len(mails) in (1, 2)  # the second comes through the outbox
    trail = (await web.get(f"/v1/audit?kind=reservation&id={order}", headers=web.as_("operator"))).json()
    actions = {it["action"]: it for it in trail["items"]}
    assert actions["refund"]["before"] == {"refunded": 0}
    assert actions["refund"]["after"] == {"refunded": 2500}


async def test_a_part_that_came_back_after_the_rest_was_refunded_is_tried_again(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=9)
    order, _ = await a_purchase(web)
    part = (await refund(web, order, amount=3_000)).json()["refund_id"]
    assert (await web.post(f"/v1/orders/{order}/cancel", headers=web.as_("admin"))).status_code == 200
    await rows.mark_failed(stores.postgres, part, "the bank sent it back")
    counted = "SELECT refunded FROM payments WHERE status = 'refunded'"
    assert await stores.postgres.fetchval(counted) == 0
    await web.post(f"/admin/orders/{order}/retry-refund", headers=await web.staff(), data={"refund_id": part})
    found = await rows.select_one(stores.postgres, part)
    assert found is not None
    assert (found.refund.state, found.refund.why) == ("done", "")
    assert await stores.postgres.fetchval(counted) == 3_000


async def retry(web: Web, order: str, refund_id: str = "") -> httpx.Response:
    form = {"refund_id": refund_id}
    return await web.post(f"/admin/orders/{order}/retry-refund", headers=await web.staff(), data=form)


async def test_only_refunds_that_failed_and_are_covered_are_tried_again(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=9)
    order, _ = await a_purchase(web)
    assert (await retry(web, order)).status_code == 409  # none of the whole order
    part = (await refund(web, order, amount=3_000)).json()["refund_id"]
    assert (await retry(web, order, part)).status_code == 409  # it is done
    assert (await retry(web, order, "unknown")).status_code == 404
    other, _ = await a_purchase(web)
    assert (await retry(web, other, part)).status_code == 404
    assert (await retry(web, "nothing", part)).status_code == 404
    await rows.mark_failed(stores.postgres, part, "the bank sent it back")
    await stores.postgres.execute("UPDATE simulated_charges SET refunds = '{}'")
    assert (await refund(web, order, "r2", amount=8_000)).json()["state"] == "done"
    assert (await retry(web, order, part)).status_code == 409  # 20.00 are left
    found = await rows.select_one(stores.postgres, part)
    assert found is not None
    assert (found.refund.state, found.refund.why) == ("failed", "the bank sent it back")
    trail = (await web.get(f"/v1/audit?kind=reservation&id={order}", headers=web.as_("operator"))).json()
    assert "retry_refund" not in {it["action"] for it in trail["items"]}


async def test_an_order_has_a_limited_number_of_refunds(
    web: Web, worker: WorkerContext, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refunds, "PARTS_MAX", 2)
    await web.event(floor=5)
    order, _ = await a_purchase(web)
    for key in ("r1", "r2", "r2"):
        assert (await refund(web, order, key, amount=1)).status_code == 201
    assert code(await refund(web, order, "r3", amount=1)) == (409, "conflict")
    assert await gave_back(stores) == [1, 1]
