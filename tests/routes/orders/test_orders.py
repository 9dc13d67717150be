"""The report of orders: every one of them, however many, without holding them all in memory."""

from __future__ import annotations

import asyncio
import csv
import io

import httpx

from app.core.model import EventId
from app.store.connections import Stores
from app.store.sql.reservations.exports import CHUNK, orders
from app.store.sql.reservations.orders import OrderFilter
from tests.routes.conftest import Web, bearer, code, field_of
from worker.context import WorkerContext

MANY = 6_145  # several chunks also of the fifth that has expired


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    """The report, one dict per row."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_a_reservation_is_a_row_of_it_through_its_life(web: Web, worker: WorkerContext) -> None:
    await web.event(floor=5)
    place, booking = await web.inside("gala")
    order = (await web.reserve("gala", booking, 2, "kept")).json()["reservation_id"]
    given_up = (await web.reserve("gala", booking, 1, "given up")).json()["reservation_id"]
    assert (await web.post(f"/v1/reservations/{given_up}/cancel", headers=place)).status_code == 200
    answer = await web.get("/v1/events/gala/orders.csv", headers=web.as_("operator"))
    assert answer.headers["content-disposition"] == 'attachment; filename="gala-orders.csv"'
    first, second = rows(answer)
    assert (first["reservation_id"], first["status"]) == (order, "held")
    assert (first["items"], first["amount"], first["currency"]) == ("floor:2:50.00", "100.00", "EUR")
    assert first["created_at"].endswith("Z")
    assert first["confirmed_at"] == first["ended_at"] == first["codes"] == ""
    assert (second["reservation_id"], second["status"]) == (given_up, "cancelled")
    assert second["ended_at"]
    payment = {"payment": {"method": "card", "token": "tok_ok"}}
    keyed = {**place, "Idempotency-Key": "pay"}
    paid = await web.post(f"/v1/reservations/{order}/confirm", payment, headers=keyed)
    assert paid.status_code == 200, paid.text
    (sold,) = rows(await web.get("/v1/events/gala/orders.csv?status=confirmed", headers=web.as_("operator")))
    assert sorted(sold["codes"].split()) == sorted(it["code"] for it in paid.json()["tickets"])


async def test_it_says_what_is_wrong(web: Web) -> None:
    await web.event()
    staff = web.as_("operator")
    assert code(await web.get("/v1/events/none/orders.csv", headers=staff)) == (404, "event_not_found")
    assert field_of(await web.get("/v1/events/gala/orders.csv?status=lost", headers=staff)) == "status"
    assert rows(await web.get("/v1/events/gala/orders.csv", headers=staff)) == []


async def test_many_come_in_chunks(web: Web, stores: Stores) -> None:
    await web.event()
    await stores.postgres.execute(
        """
        INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency,
                                  fingerprint, expires_at)
        SELECT 'r' || n, 'gala', 'v' || n, CASE n % 5 WHEN 0 THEN 'expired' ELSE 'held' END,
               '[{"ticket_type_id": "floor", "quantity": 1, "price": 5000}]', 5000, 'EUR', 'f', now()
        FROM generate_series(1, $1) AS n
        """,
        MANY,
    )
    for status, count in ((None, MANY), ("held", MANY - MANY // 5), ("expired", MANY // 5)):
        sizes = [len(chunk) async for chunk in orders(stores.postgres, OrderFilter(EventId("gala"), status))]
        assert sum(sizes) == count, status
        assert len(sizes) > 1
        assert max(sizes) <= CHUNK, status
        query = f"?status={status}" if status else ""
        answer = await web.get(f"/v1/events/gala/orders.csv{query}", headers=web.as_("operator"))
        assert len({it["reservation_id"] for it in rows(answer)}) == count, status


async def a_purchase(web: Web, event_id: str = "gala", email: str = "") -> tuple[str, dict[str, str]]:
    """A paid order of a new visitor: its id, and their place token."""
    joining = {"json": {"email": email}} if email else {}
    place, booking = await web.inside(event_id, **joining)
    held = (await web.reserve(event_id, booking, 2)).json()["reservation_id"]
    payment = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(
        f"/v1/reservations/{held}/confirm", payment, headers={**place, "Idempotency-Key": "pay"}
    )
    assert paid.json()["status"] == "confirmed", paid.text
    return held, place


async def found(web: Web, **query: str) -> list[str]:
    answer = await web.get("/v1/orders", params=query, headers=web.as_("operator"))
    assert answer.status_code == 200, answer.text
    return [it["reservation_id"] for it in answer.json()["items"]]


async def test_an_order_is_found_by_whatever_names_it(web: Web, worker: WorkerContext) -> None:
    account = {"email": "fan@example.org", "name": "Fan", "password": "long enough 1"}
    await web.event(floor=20)
    await web.event("matinee")
    other, _ = await a_purchase(web)
    guest, place = await a_purchase(web, email="Ann@Example.org")
    await web.post("/v1/users", account)
    login = await web.post("/v1/login", {it: account[it] for it in ("email", "password")})
    of_account = await web.join("gala", headers=bearer(login.json()["access_token"]))
    await web.app.stores.postgres.execute("DELETE FROM mailboxes WHERE email = 'fan@example.org'")
    mine = await web.app.stores.postgres.fetchval(
        "INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency, "
        "fingerprint, expires_at) VALUES ('mine', 'gala', $1, 'expired', '[]', 0, 'EUR', 'f', now()) "
        "RETURNING reservation_id",
        of_account["visitor_id"],
    )
    order = (await web.get(f"/v1/reservations/{guest}", headers=place)).json()
    payment_id = await web.app.stores.postgres.fetchval(
        "SELECT payment_id FROM payments WHERE reservation_id = $1", guest
    )
    codes = order["tickets"][0]["code"], order["tickets"][1]["code"].lower()
    for word in (guest, order["visitor_id"], "ann@example.org", "ANN@example.ORG", *codes, payment_id):
        assert await found(web, q=word) == [guest], word
    assert await found(web, q="fan@example.org") == [mine]
    assert await found(web, q="nobody@example.org") == []
    assert await found(web, q="%") == []
    assert await found(web, event_id="gala") == [mine, guest, other]
    assert await found(web, status="confirmed") == [guest, other]
    assert await found(web, event_id="matinee") == []
    middle = order["created_at"]
    assert await found(web, to=middle) == [guest, other]
    assert await found(web, **{"from": middle}) == [mine, guest]
    page = (await web.get("/v1/orders?per_page=1&page=2", headers=web.as_("operator"))).json()
    assert ([it["email"] for it in page["items"]], page["total"]) == (["Ann@example.org"], 3)
    nowhere = await web.get("/v1/orders?event_id=none", headers=web.as_("operator"))
    assert code(nowhere) == (404, "event_not_found")


async def test_staff_cancel_and_pay_back_once(web: Web, worker: WorkerContext) -> None:
    await web.event(floor=5)
    order, place = await a_purchase(web)
    path = f"/v1/orders/{order}/cancel"
    assert code(await web.post(path, headers=web.as_("operator"))) == (403, "role_required")
    answers = await asyncio.gather(*(web.post(path, headers=web.as_("admin", "boss")) for _ in range(3)))
    assert [it.status_code for it in answers] == [200] * 3
    assert {it.json()["status"] for it in answers} == {"cancelled"}
    charge = await web.app.stores.postgres.fetchrow("SELECT * FROM simulated_charges")
    assert charge is not None
    assert charge["refunded_at"] is not None
    assert await web.app.stores.postgres.fetchval("SELECT status FROM payments") == "refunded"
    assert (await web.get("/v1/events/gala/availability")).json()["ticket_types"][0]["free"] == 5
    log = (await web.get("/v1/audit?kind=reservation", headers=web.as_("operator"))).json()["items"]
    assert [(it["action"], it["id"], it["who"]) for it in log] == [("cancel", order, "boss")]
    assert (log[0]["before"], log[0]["after"]) == ({"status": "confirmed"}, {"status": "cancelled"})
    assert (await web.get(f"/v1/reservations/{order}", headers=place)).json()["status"] == "cancelled"
    none = await web.post(f"/v1/orders/{'r' * 22}/cancel", headers=web.as_("admin"))
    assert code(none) == (404, "reservation_not_found")
    await web.app.stores.postgres.execute("UPDATE reservations SET status = 'expired'")
    assert code(await web.post(path, headers=web.as_("admin"))) == (409, "conflict")


async def test_no_cell_of_the_report_is_a_formula(web: Web, worker: WorkerContext) -> None:
    await web.event(floor=5, name="=HYPERLINK(1)", venue="+1", artist="@a")
    await a_purchase(web, email="=cmd@example.org")
    (row,) = rows(await web.get("/v1/events/gala/orders.csv", headers=web.as_("operator")))
    ids = ("reservation_id", "visitor_id")
    assert not [it for name, it in row.items() if it[:1] in ("=", "+", "-", "@") and name not in ids]
