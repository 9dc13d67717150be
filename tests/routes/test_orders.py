"""The report of orders: every one of them, of any number, without keeping them all."""

from __future__ import annotations

import csv
import io

import httpx
import pytest

from app.core.model import EventId
from app.store.connections import Stores
from app.store.orders import CHUNK, orders
from tests.routes.conftest import Web, code, field_of
from worker.context import WorkerContext

MANY = 12_345


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    """The report, a dict a row."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_a_reservation_is_a_row_of_it_through_its_life(web: Web, worker: WorkerContext) -> None:
    await web.event(floor=5)
    place, booking = await web.inside("gala")
    kept = (await web.reserve("gala", booking, 2, "kept")).json()["reservation_id"]
    given_up = (await web.reserve("gala", booking, 1, "given up")).json()["reservation_id"]
    assert (await web.post(f"/v1/reservations/{given_up}/cancel", headers=place)).status_code == 200
    answer = await web.get("/v1/events/gala/orders.csv", headers=web.as_("operator"))
    assert answer.headers["content-disposition"] == 'attachment; filename="gala-orders.csv"'
    first, second = rows(answer)
    assert (first["reservation_id"], first["status"]) == (kept, "held")
    assert (first["items"], first["amount"], first["currency"]) == ("floor:2:5000", "10000", "EUR")
    assert first["created_at"].endswith("Z")
    assert first["confirmed_at"] == first["ended_at"] == first["codes"] == ""
    assert (second["reservation_id"], second["status"]) == (given_up, "cancelled")
    assert second["ended_at"]
    payment = {"payment": {"method": "card", "token": "tok_ok"}}
    keyed = {**place, "Idempotency-Key": "pay"}
    paid = await web.post(f"/v1/reservations/{kept}/confirm", payment, headers=keyed)
    assert paid.status_code == 200, paid.text
    (sold,) = rows(await web.get("/v1/events/gala/orders.csv?status=confirmed", headers=web.as_("operator")))
    assert sorted(sold["codes"].split()) == sorted(it["code"] for it in paid.json()["tickets"])


async def test_it_says_what_is_wrong(web: Web) -> None:
    await web.event()
    staff = web.as_("operator")
    assert code(await web.get("/v1/events/none/orders.csv", headers=staff)) == (404, "event_not_found")
    assert field_of(await web.get("/v1/events/gala/orders.csv?status=lost", headers=staff)) == "status"
    assert rows(await web.get("/v1/events/gala/orders.csv", headers=staff)) == []


@pytest.mark.parametrize(
    ("status", "count"), [(None, MANY), ("held", MANY - MANY // 5), ("expired", MANY // 5)]
)
async def test_many_come_in_chunks(web: Web, stores: Stores, status: str | None, count: int) -> None:
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
    sizes = [len(chunk) async for chunk in orders(stores.postgres, EventId("gala"), status)]
    assert sum(sizes) == count
    assert max(sizes) <= CHUNK
    query = f"?status={status}" if status else ""
    answer = await web.get(f"/v1/events/gala/orders.csv{query}", headers=web.as_("operator"))
    assert len({it["reservation_id"] for it in rows(answer)}) == count
