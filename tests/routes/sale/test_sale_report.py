"""The report of a sale: its page, its PDF and its CSV file agree with each other and with what was played."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

from app.core.model import RoomId
from app.store.keys import RoomKeys
from app.store.redis import history as samples
from app.waiting_room.room_log import write
from tests.routes.conftest import Web, bearer
from tests.support.waiting import wait_until
from worker.context import WorkerContext

HERE = "/admin/rooms/gala/report"
DROPPED, STEPS, MADE = "Where visitors dropped off", "Step by step", "Reservations"
NAME = "=Ünïcode 東京 حفل"

Figures = dict[tuple[str, str, str], str]


async def figures(web: Web, staff: dict[str, str], here: str = HERE) -> Figures:
    """The CSV file, by section, row and column."""
    answer = await web.get(f"{here}.csv", headers=staff)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    found = csv.DictReader(io.StringIO(answer.text))
    return {(it["section"], it["about"], it["figure"]): it["value"] for it in found}


async def play_sale(web: Web) -> None:
    """Four visitors: one buys, one cancels a hold, one leaves from inside, one leaves the queue."""
    await web.event(floor=5, name=NAME, timezone="Asia/Tokyo", room={"admission_rate_per_minute": 6000})
    buyer, booking = await web.inside("gala")
    kept = (await web.reserve("gala", booking, 2, "kept")).json()["reservation_id"]
    payment = {"payment": {"method": "card", "token": "tok_ok"}}
    keyed = {**buyer, "Idempotency-Key": "pay"}
    paid = await web.post(f"/v1/reservations/{kept}/confirm", payment, headers=keyed)
    assert paid.status_code == 200, paid.text
    other, booking = await web.inside("gala")
    given_up = (await web.reserve("gala", booking, 1, "given up")).json()["reservation_id"]
    assert (await web.post(f"/v1/reservations/{given_up}/cancel", headers=other)).status_code == 200
    await web.inside("gala")
    await web.post("/v1/rooms/gala/pause", headers=web.as_("operator", "ann"))
    waiting = bearer((await web.join("gala"))["place_token"])
    assert (await web.send("DELETE", "/v1/rooms/gala/places/me", headers=waiting)).status_code in (200, 204)


def assert_as_played(found: Figures) -> None:
    """The figures are those of the sale above."""
    steps = {name: found[STEPS, name, "Visitors"] for name in ("Joined", "Called", "Claimed their turn")}
    assert steps == {"Joined": "4", "Called": "3", "Claimed their turn": "3"}
    assert found[STEPS, "Held tickets", "Visitors"] == "2"
    assert found[STEPS, "Paid", "Of those who joined"] == "25.0"
    assert [found[MADE, it, "Figure"] for it in ("Made", "Confirmed")] == ["2", "1"]
    assert found[MADE, "Cancelled before payment", "Figure"] == "1"
    assert Decimal(found["Revenue", "EUR", "Sold"]) == Decimal("100.00")
    assert found["Tickets", "Floor", "Sold"] == "2"
    assert found["Waits", "p50", "Waited"].isdecimal()
    did = [
        it for (section, _, column), it in found.items() if (section, column) == ("What staff did", "What")
    ]
    assert did[-1] == "paused"


async def test_the_figures_are_those_of_the_sale_on_the_page_in_the_pdf_and_in_the_file(
    web: Web, worker: WorkerContext
) -> None:
    await play_sale(web)
    staff = await web.staff("operator")

    async def sampled() -> Figures | None:
        found = await figures(web, staff)
        reasons = found[DROPPED, "Left by themselves", "How often"]
        everything = reasons == "1" and ("Waits", "p50", "Waited") in found
        return found if everything else None

    found = await wait_until(sampled, "a sample of the whole sale")
    assert_as_played(found)
    page = (await web.get(HERE, headers=staff)).text
    assert "So far: the sale is not over." in page
    assert "Times are in Asia/Tokyo." in page
    assert f"<h1>{NAME}</h1>" in page
    assert '<td class="n">€100.00</td>' in page
    assert len(re.findall(r'<section class="panel\b', page)) == 10
    pdf = await web.get(f"{HERE}.pdf", headers=staff)
    assert pdf.headers["content-type"] == "application/pdf", pdf.text
    assert pdf.headers["content-disposition"] == 'attachment; filename="gala-report.pdf"'
    assert pdf.content.startswith(b"%PDF-")
    used = re.findall(rb"/BaseFont /MPDFAA\+(\w+)", pdf.content)
    assert {b"NotoSans", b"NotoSansArabic", b"NotoSansCJKJP"} <= set(used)
    # samples are lost with Redis, committed data is not
    await samples.begin_anew(web.app.stores.redis, RoomKeys(RoomId("gala")))
    assert (await figures(web, staff))[STEPS, "Paid", "Visitors"] == "1"


async def test_a_text_is_no_formula_and_a_room_without_tickets_has_a_report_too(web: Web) -> None:
    await web.event(floor=5)
    await web.post(
        "/v1/events/gala/ticket-types",
        {"ticket_type_id": "x", "name": "=1+1", "price": 1, "quantity": 1},
        headers=web.as_("admin"),
    )
    staff = await web.staff("operator")
    found = await figures(web, staff)
    assert found["Tickets", "'=1+1", "Sold"] == "0"
    assert found[STEPS, "Joined", "Visitors"] == "0"
    assert (await web.get(f"{HERE}.pdf", headers=staff)).status_code == 200
    await web.room("shop", lanes=[{"name": "Members", "share": 30}])
    await web.join("shop")
    await write(web.app.stores, RoomId("shop"))
    found = await figures(web, staff, "/admin/rooms/shop/report")
    assert "Tickets" not in {section for section, _, _ in found}
    assert [found["Lanes", it, "Joined"] for it in ("Everybody else", "Members")] == ["1", "0"]
    assert (await web.get("/admin/rooms/nowhere/report", headers=staff)).status_code == 404
