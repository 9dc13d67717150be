"""Editing a sale in the console: effects are shown first, nothing is overwritten, all can be undone."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any

from app.core.model import RoomId
from tests.routes.conftest import Web
from tests.routes.orders.test_orders import a_purchase
from tests.routes.sale.test_new_sale import SALE, wrong
from worker.context import WorkerContext

PAGE = "/admin/rooms/spring-gala/edit"


async def a_sale(web: Web, *, published: bool = True) -> None:
    """The sale that all tests here edit."""
    form = {**SALE, "prequeue_at": "", "queueing_method": "fifo", "do": "make"}
    if not published:
        del form["published"]
    answer = await web.post("/admin/sales/new", data=form, headers=await web.staff("admin", "ann"))
    assert answer.status_code == 303, wrong(answer.text)


async def fields(web: Web, path: str = PAGE) -> dict[str, str]:
    """The initial values of the form."""
    page = (await web.get(path, headers=await web.staff("admin", "ann"))).text
    return fields_in(page)


def fields_in(page: str) -> dict[str, str]:
    form = page.partition('action="/admin/rooms/spring-gala/edit"')[2].partition("</form>")[0]
    found = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name, value = re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)
        kind = re.search(r' type="(\w+)"', tag)
        if name and not (kind and kind[1] in ("checkbox", "radio") and " checked" not in tag):
            found[name[1]] = html.unescape(value[1]) if value else "on"
    message = re.search(r'<textarea id="message"[^>]*>([^<]*)</textarea>', form)
    return found | ({"message": html.unescape(message[1])} if message else {})


async def send(web: Web, who: str = "ann", **sent: str) -> Any:
    return await web.post(PAGE, data=sent, headers=await web.staff("admin", who))


async def event(web: Web) -> dict[str, Any]:
    found: dict[str, Any] = (await web.get("/v1/events/spring-gala", headers=web.as_("admin"))).json()
    return found


async def test_a_draft_is_changed_at_once(web: Web) -> None:
    await a_sale(web, published=False)
    form = await fields(web)
    assert (form["starts_at"], form["hold_ttl_s"], form["have-0-price"]) == (
        "2035-05-31T20:00",
        "5 min",
        "45.50",
    )
    form |= {"name": "Autumn Gala", "have-0-gone": "on", "opens_at": "2035-02-10T10:00"}
    form |= {"type-0-name": "Box", "type-0-price": "1.000", "type-0-quantity": "5"}
    assert (await send(web, **form)).headers["location"] == f"{PAGE}?saved=1"
    after = await event(web)
    assert after["name"] == "Autumn Gala"
    sold = {it["ticket_type_id"]: (it["price"], it["total"]) for it in after["ticket_types"]}
    assert sold == {"stalls": (8000, 30), "box": (100_000, 5)}
    room = await web.app.queues.loaded_rooms.read(RoomId("spring-gala"))
    assert room.settings.opens_at == datetime(2035, 2, 10, 9, tzinfo=UTC)
    status = await web.get("/v1/rooms/spring-gala", headers=web.as_("admin"))
    assert status.json()["available"] == 35


async def test_what_follows_is_shown_before_anything_is_changed(web: Web) -> None:
    await a_sale(web)
    before = await event(web)
    form = await fields(web)
    form |= {"starts_at": "2035-06-01T20:00", "have-0-price": "50", "have-0-quantity": "1.500"}
    page = html.unescape((await send(web, **form)).text)
    assert await event(web) == before
    for text in (
        "Nothing is changed yet: 3 changes to confirm",
        "<del>Thursday, 31 May 2035, 20:00 (Europe/Berlin)</del>",
        "<ins>Friday, 1 June 2035, 20:00 (Europe/Berlin)</ins>",
        "Nobody has bought a ticket yet, so nobody has to be told.",
        "<del>€45.50</del>",
        "300 more go on sale at once.",
    ):
        assert text in page, text
    assert (await send(web, **fields_in(page), do="save")).headers["location"] == f"{PAGE}?saved=1"
    after = await event(web)
    assert after["starts_at"] == "2035-06-01T18:00:00Z"
    assert [(it["price"], it["total"]) for it in after["ticket_types"]] == [(5000, 1500), (8000, 30)]
    assert (await web.get("/v1/rooms/spring-gala")).json()["available"] == 1530


async def test_an_edit_is_undone_as_a_whole(web: Web) -> None:
    await a_sale(web)
    form = await fields(web) | {"name": "Autumn Gala", "have-0-price": "50", "session_ttl_s": "1 hour"}
    await send(web, **form, do="save")
    room = await web.app.queues.loaded_rooms.read(RoomId("spring-gala"))
    assert ((await event(web))["name"], room.settings.name, room.settings.session_ttl_s) == (
        "Autumn Gala",
        "Autumn Gala",
        3600,
    )
    page = (await web.get(f"{PAGE}?saved=1", headers=await web.staff("admin"))).text
    [number] = set(re.findall(r'name="audit_id" value="(\d+)"', page))
    boss = await web.staff("admin", "boss")
    assert (await web.post(f"{PAGE}/undo", data={"audit_id": number}, headers=boss)).status_code == 303
    room = await web.app.queues.loaded_rooms.read(RoomId("spring-gala"))
    back = await event(web)
    assert (back["name"], back["ticket_types"][0]["price"]) == ("Spring Gala", 4550)
    assert (room.settings.name, room.settings.session_ttl_s) == ("Spring Gala", 600)
    again = await web.post(f"{PAGE}/undo", data={"audit_id": number}, headers=boss)
    assert again.status_code == 409  # it is no longer the latest change


async def test_the_cockpit_undoes_the_whole_edit_and_not_the_part_of_the_room(web: Web) -> None:
    await a_sale(web)
    before, undo = await event(web), "/admin/rooms/spring-gala/undo"
    await send(web, **await fields(web) | {"have-0-price": "50", "session_ttl_s": "1 hour"}, do="save")
    rows = (await web.get("/v1/audit?kind=room&id=spring-gala", headers=web.as_("admin"))).json()["items"]
    number = {"audit_id": str(rows[0]["audit_id"])}
    refused = await web.post(undo, data=number, headers=await web.staff("operator", "olga"))
    assert (refused.status_code, "whoever may edit the sale" in refused.text) == (409, True)
    undone = await web.post(undo, data=number, headers=await web.staff("admin", "ann"))
    assert undone.status_code == 303, undone.text
    room = await web.app.queues.loaded_rooms.read(RoomId("spring-gala"))
    assert (room.settings.session_ttl_s, await event(web)) == (600, before)


async def test_windows_and_more_time_to_pay_are_edited_by_the_clock_of_the_event(web: Web) -> None:
    await a_sale(web)
    form = await fields(web)
    assert (form["have-0-sale_from"], form["hold_extend_s"]) == ("", "")
    form |= {"have-0-sale_from": "2035-02-10T10:00", "have-0-sale_until": "2035-02-09T10:00"}
    form |= {"have-1-sale_until": "2035-05-01T10:00", "hold_extend_s": "2 min"}
    backwards = await send(web, **form)
    assert backwards.status_code == 422, "it ends before it begins"
    form["have-0-sale_until"] = "2035-02-11T10:00"
    page = html.unescape((await send(web, **form)).text)
    for text in ("4 changes to confirm", "Stalls: on sale until", "<ins>2 min</ins>", "<del>none</del>"):
        assert text in page, text
    assert (await send(web, **fields_in(page), do="save")).status_code == 303
    after = await event(web)
    assert after["hold_extend_s"] == 120
    assert [(it["sale_from"], it["sale_until"]) for it in after["ticket_types"]] == [
        ("2035-02-10T09:00:00Z", "2035-02-11T09:00:00Z"),
        (None, "2035-05-01T08:00:00Z"),
    ]
    assert (await fields(web))["have-0-sale_until"] == "2035-02-11T10:00"
    form = await fields(web) | {"have-0-sale_from": "", "have-0-sale_until": "", "hold_extend_s": ""}
    assert (await send(web, **form, do="save")).status_code == 303
    first = (await event(web))["ticket_types"][0]
    assert (first["sale_from"], first["sale_until"]) == (None, None)


async def test_a_second_editor_is_told_and_keeps_what_both_wanted(web: Web) -> None:
    await a_sale(web)
    mine, theirs = await fields(web), await fields(web)
    await send(web, "olga", **theirs | {"venue": "Arena", "have-0-price": "60"}, do="save")
    answer = await send(web, **mine | {"artist": "Bo Linde", "have-0-price": "55"}, do="save")
    assert answer.status_code == 409
    page = html.unescape(answer.text)
    assert "this sale was changed while you were filling in the form" in page
    assert "olga" in page
    assert "Venue Velodrome → Arena" in page
    merged = fields_in(answer.text)
    assert (merged["venue"], merged["artist"], merged["have-0-price"]) == ("Arena", "Bo Linde", "55")
    assert (await event(web))["ticket_types"][0]["price"] == 6000
    assert (await send(web, **merged, do="save")).status_code == 303
    after = await event(web)
    assert (after["venue"], after["artist"], after["ticket_types"][0]["price"]) == ("Arena", "Bo Linde", 5500)


async def test_what_is_locked_stays_and_says_why(web: Web, worker: WorkerContext) -> None:
    await web.event("spring-gala", floor=9)
    await a_purchase(web, "spring-gala")
    page = html.unescape((await web.get(PAGE, headers=await web.staff("admin", "ann"))).text)
    for why in ("Tickets were reserved in it.", "The sale has opened.", "People are in the queue already"):
        assert why in page
    form = fields_in(page) | {"currency": "USD", "opens_at": "2036-01-01T00:00", "have-0-gone": "on"}
    assert "Nothing is different" in (await send(web, **form, do="save")).text
    few = await send(web, **form | {"have-0-quantity": "1"}, do="save")
    assert "it cannot be less than that" in wrong(few.text)["have-0-quantity"]
    assert (await event(web))["currency"] == "EUR"


async def test_buyers_are_told_of_another_date_by_a_job(web: Web, worker: WorkerContext) -> None:
    await web.event("spring-gala", floor=9)
    await a_purchase(web, "spring-gala", email="ann@example.org")
    form = await fields(web) | {"starts_at": "2036-06-01T20:00"}
    page = html.unescape((await send(web, **form)).text)
    assert "1 order is affected: tell the buyers below." in page
    assert "Write to 1 buyer by e-mail" in page
    answer = await send(web, **form, do="save", tell="on", subject="Moved", text="To Sunday.")
    assert answer.headers["location"].startswith("/admin/jobs/")
    job = (await web.get(answer.headers["location"], headers=await web.staff("admin"))).text
    assert "Message to the buyers" in job
    assert (await event(web))["starts_at"].startswith("2036-06-01")
