"""Cancelling a sale with refunds for all, or moving it: everybody is notified, each refund is made once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.core.model import EventId
from app.jobs import steps
from app.reservations.consistency import check
from app.reservations.settlement import settle_payments
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, code, field_of
from tests.routes.orders.test_orders import a_purchase
from tests.routes.system.test_jobs import run_queue
from tests.support.waiting import wait_until
from worker.context import WorkerContext


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each order a step of its own."""
    for kind, (_, work) in steps.STEPS.items():
        monkeypatch.setitem(steps.STEPS, kind, (1, work))


async def form(web: Web, step: str, cookie: dict[str, str], **fields: str) -> httpx.Response:
    return await web.post(f"/admin/rooms/gala/{step}", headers=cookie, data=fields)


async def mails(stores: Stores, kind: str) -> list[dict[str, Any]]:
    rows = await stores.postgres.fetch("SELECT * FROM mails WHERE kind = $1 ORDER BY subject_id", kind)
    return [dict(row) for row in rows]


async def all_refunded(web: Web, stores: Stores) -> None:
    """Run workers until everything owed is refunded; they skip payments of the last second."""

    async def none_owed() -> bool:
        await settle_payments(stores, web.app.engine.gateway)
        unrefunded = await stores.postgres.fetchval(
            "SELECT count(*) FROM payments WHERE status = 'refunding'"
        )
        return not unrefunded

    await wait_until(none_owed, "the refunds")


async def test_a_cancelled_sale_refunds_every_order_once_and_tells_everybody(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=9)
    bought = [await a_purchase(web, email=f"{name}@example.org") for name in ("ann", "bob", "cat")]
    place, booking = await web.inside("gala")
    held = (await web.reserve("gala", booking, 1)).json()["reservation_id"]
    cookie = await web.staff()
    shown = (await web.get("/admin/rooms/gala/fate", headers=cookie)).text
    assert "3 orders with 6 tickets and 1 hold would be cancelled. €300.00 would be refunded." in shown
    assert "Cancel 3 orders and refund €300.00" in shown
    started = await form(web, "cancel-sale", cookie, notice="The singer is ill.")
    assert started.status_code == 303, started.text
    await form(web, "cancel-sale", cookie)  # pressed twice
    await run_queue(stores, settings, workers=2)
    await all_refunded(web, stores)
    for order, its_place in [*bought, (held, place)]:
        found = (await web.get(f"/v1/reservations/{order}", headers=its_place)).json()
        assert found["status"] == "cancelled"
    states = await stores.postgres.fetch("SELECT status, count(*) FROM payments GROUP BY 1")
    assert [tuple(it) for it in states] == [("refunded", 3)]
    assert await check(stores, EventId("gala")) == []
    event = (await web.get("/events/gala")).text
    assert "This event was cancelled." in event
    assert "The singer is ill." in event
    again = await web.reserve("gala", booking, 1, "again")
    assert code(again)[0] in (403, 409), again.text
    shown = (await web.get("/admin/rooms/gala/fate", headers=cookie)).text
    assert "All orders are cancelled." in shown
    changes = (await web.get("/v1/audit?kind=event&id=gala", headers=web.as_("operator"))).json()["items"]
    assert [it["action"] for it in changes].count("cancel") == 1


async def test_a_hold_that_no_job_saw_cannot_be_paid_in_a_cancelled_sale(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=9)
    place, booking = await web.inside("gala")
    held = (await web.reserve("gala", booking, 1)).json()["reservation_id"]
    await stores.postgres.execute("UPDATE events SET cancelled_at = now()")
    payment = {"payment": {"method": "card", "token": "tok_ok"}}
    headers = {**place, "Idempotency-Key": "late"}
    for late in (
        await web.post(f"/v1/reservations/{held}/confirm", payment, headers=headers),
        await web.post(f"/v1/reservations/{held}/confirm-paid", {}, headers=web.as_("admin")),
    ):
        assert (late.status_code, "cancelled" in late.text) == (409, True)
    assert await stores.postgres.fetchval("SELECT count(*) FROM payments") == 0


async def test_a_calendar_hears_that_the_event_is_cancelled(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=9)
    order, place = await a_purchase(web)
    cookie = {"Cookie": f"fairgate_place_gala={place['Authorization'].split()[1]}"}
    path = f"/reservations/{order}/calendar.ics"
    assert "STATUS:CONFIRMED" in (await web.get(path, headers=cookie)).text
    await stores.postgres.execute("UPDATE events SET cancelled_at = now()")
    await web.post(f"/v1/orders/{order}/cancel", headers=web.as_("admin"))
    assert "STATUS:CANCELLED" in (await web.get(path, headers=cookie)).text


async def test_refunds_that_are_refused_are_listed_and_tried_again(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=9)
    order, _ = await a_purchase(web)
    cookie = await web.staff()
    await form(web, "cancel-sale", cookie)
    await run_queue(stores, settings, workers=1)
    await stores.postgres.execute(
        "UPDATE payments SET status = 'refunding', refund_due_at = 'infinity', refund_why = 'no money left'"
    )
    shown = (await web.get("/admin/rooms/gala/fate", headers=cookie)).text
    assert "1 refused" in shown
    assert "no money left" in shown
    assert order in shown
    assert (await form(web, "retry-refunds", cookie)).status_code == 303
    await all_refunded(web, stores)
    assert "refused</h3>" not in (await web.get("/admin/rooms/gala/fate", headers=cookie)).text


async def test_a_moved_sale_tells_its_buyers_and_refunds_until_a_moment(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=9, timezone="Asia/Tokyo")  # 2030-01-02 05:00 there
    order, place = await a_purchase(web, email="ann@example.org")
    held_place, booking = await web.inside("gala")
    held = (await web.reserve("gala", booking, 1)).json()
    cookie = await web.staff()
    wrong = await form(web, "move", cookie, starts_at="2030-03-01T19:30", refund_until="2031-01-01T00:00")
    assert wrong.status_code == 422
    assert "must be before the event starts" in wrong.text
    fields = {"starts_at": "2030-03-01T19:30", "refund_until": "2030-02-01T12:00", "notice": "Sorry!"}
    assert (await form(web, "move", cookie, **fields)).status_code == 303
    await run_queue(stores, settings, workers=2)
    [mail] = await mails(stores, "moved")
    assert (mail["recipient"], mail["reservation_id"]) == ("ann@example.org", order)
    event = (await web.get("/v1/events/gala")).json()
    assert event["starts_at"] == "2030-03-01T10:30:00Z"
    still = (await web.get(f"/v1/reservations/{held['reservation_id']}", headers=held_place)).json()
    assert (still["status"], still["expires_at"]) == ("held", held["expires_at"])
    cookies = {"Cookie": f"fairgate_place_gala={place['Authorization'].split()[1]}"}
    page = (await web.get(f"/reservations/{order}", headers=cookies)).text
    assert "This is a new date" in page
    assert "You can cancel until" in page
    await stores.postgres.execute("UPDATE events SET refund_until = now() - interval '1 minute'")
    page = (await web.get(f"/reservations/{order}", headers=cookies)).text
    assert "Refunds for this sale have ended." in page
    assert code(await web.post(f"/v1/reservations/{order}/cancel", headers=place))[0] == 409
    await stores.postgres.execute("UPDATE events SET refund_until = now() + interval '1 minute'")
    assert (await web.post(f"/v1/reservations/{order}/cancel", headers=place)).json()["status"] == "cancelled"


async def test_a_time_that_is_skipped_or_missing_is_asked_about(web: Web) -> None:
    await web.event(timezone="Europe/Berlin")
    cookie = await web.staff()
    skipped = await form(web, "move", cookie, starts_at="2030-03-31T02:30")
    assert skipped.status_code == 422
    assert "clocks are set forward" in skipped.text
    doubled = await form(web, "move", cookie, starts_at="2030-10-27T02:30")
    assert "The later, UTC+1" in doubled.text
    assert "is required" in (await form(web, "move", cookie)).text


async def test_programs_cancel_and_move_a_sale_once(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=9)
    await a_purchase(web, email="ann@example.org")
    admin, key = web.as_("admin"), {"Idempotency-Key": "k"}
    moved = {"starts_at": "2031-03-01T19:00:00Z", "refund_until": "2031-02-01T00:00:00Z", "notice": "Rain."}
    late = await web.post(
        "/v1/events/gala/move", moved | {"refund_until": "2032-01-01T00:00:00Z"}, headers=admin
    )
    assert field_of(late) == "refund_until"
    for headers in ({}, key, key):
        answer = await web.post("/v1/events/gala/move", moved, headers={**admin, **headers})
        assert (answer.status_code, answer.json()["notice"]) == (200, "Rain."), answer.text
    await run_queue(stores, settings, workers=1)
    assert len(await mails(stores, "moved")) == 1
    for headers in ({}, key, key):
        path = "/v1/events/gala/cancel"
        answer = await web.post(path, {"notice": "Ill."}, headers={**admin, **headers})
        assert answer.status_code == 200, answer.text
    other = await web.post("/v1/events/gala/cancel", {"notice": "Other."}, headers={**admin, **key})
    assert code(other) == (409, "idempotency_key_reused")
    assert code(await web.post("/v1/events/gala/cancel", {}, headers=web.as_("operator"))) == (
        403,
        "role_required",
    )
    await run_queue(stores, settings, workers=1)
    await all_refunded(web, stores)
    found = (await web.get("/v1/events/gala/fate", headers=web.as_("operator"))).json()
    assert (found["orders"], found["holds"], found["notice"]) == (0, 0, "Ill.")
    assert found["refunds"] == [{"currency": "EUR", "done": 10_000, "under_way": 0, "refused": 0}]
    assert code(await web.post("/v1/events/gala/move", moved, headers=admin)) == (409, "conflict")
    log = (await web.get("/v1/audit?kind=event&id=gala", headers=web.as_("operator"))).json()["items"]
    assert [it["action"] for it in log] == ["cancel", "move", "create"]
