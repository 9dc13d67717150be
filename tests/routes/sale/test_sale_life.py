"""A sale from draft to archive, in the console: rehearsed, wiped, published, duplicated, archived."""

from __future__ import annotations

import html
from typing import Any

from app.core.model import RoomId
from tests.routes.conftest import Web
from tests.routes.orders.test_orders import a_purchase
from tests.routes.sale.test_edit_sale import a_sale
from tests.routes.sale.test_new_sale import wrong
from worker.context import WorkerContext

HERE = "/admin/rooms/spring-gala"


async def press(web: Web, path: str, **sent: str) -> Any:
    return await web.post(path, data=sent, headers=await web.staff("admin", "ann"))


async def shown(web: Web, path: str = f"{HERE}/overview") -> str:
    return html.unescape((await web.get(path, headers=await web.staff("admin", "ann"))).text)


async def people(web: Web, event_id: str) -> dict[str, int]:
    """For each table with reservations or events, the number of rows that belong to this one."""
    postgres, found = web.app.stores.postgres, {}
    for row in await postgres.fetch(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name IN ('event_id', 'room_id')"
    ):
        table, column = row["table_name"], row["column_name"]
        count = await postgres.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", event_id)
        if count and table != "calls":  # the worker adds to it every minute
            found[table] = count
    return found


def but_logs(found: dict[str, int]) -> dict[str, int]:
    """Without the room's public log, which the worker writes at its own pace."""
    return {table: count for table, count in found.items() if not table.startswith("room_log")}


async def test_a_rehearsal_is_bought_in_and_wiped_and_the_real_sale_never_hears_of_it(
    web: Web, worker: WorkerContext
) -> None:
    await a_sale(web, published=False)
    assert "Walk through the sale as a fan does" in await shown(web)
    before = but_logs(await people(web, "spring-gala"))
    where = (await press(web, f"{HERE}/rehearse")).headers["location"]
    assert (await press(web, f"{HERE}/rehearse")).headers["location"] == where  # only one at a time
    rehearsal = where.split("/")[3]
    await web.post(f"/v1/rooms/{rehearsal}/open", headers=web.as_("operator"))
    room = (await web.app.queues.loaded_rooms.read(RoomId(rehearsal))).settings
    assert (room.test, room.public, room.opens_at) == (True, False, None)
    listed = (await web.get("/v1/events")).json()["items"]
    assert rehearsal not in str(listed)
    place, booking = await web.inside(rehearsal)
    items = {"items": [{"ticket_type_id": "standing", "quantity": 2}]}
    key = {"Idempotency-Key": "try"}
    held = await web.post(f"/v1/events/{rehearsal}/reservations", items, headers={**booking, **key})
    reservation = held.json()["reservation_id"]
    payment = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(f"/v1/reservations/{reservation}/confirm", payment, headers={**place, **key})
    assert paid.json()["status"] == "confirmed", paid.text
    everywhere = await web.get("/v1/orders", headers=web.as_("operator"))
    orders = await web.get(f"/v1/orders?event_id={rehearsal}", headers=web.as_("operator"))
    assert [len(it.json()["items"]) for it in (everywhere, orders)] == [0, 1]
    page = await shown(web, where)
    assert "This is a rehearsal." in page
    assert "€91.00" in page
    assert "€91.00" not in await shown(web)
    assert (await press(web, f"{HERE}/wipe")).status_code == 409  # the real one
    assert (await press(web, f"/admin/rooms/{rehearsal}/wipe")).headers["location"] == f"{HERE}/overview"
    assert await people(web, rehearsal) == {}
    payments = await web.app.stores.postgres.fetchval(
        "SELECT count(*) FROM payments WHERE reservation_id = $1", reservation
    )
    assert payments == 0
    assert but_logs(await people(web, "spring-gala")) == before
    assert "Somebody bought tickets in a rehearsal." in await shown(web)


async def test_a_rehearsal_stays_one_and_no_sale_is_copied_from_it(web: Web) -> None:
    await a_sale(web, published=False)
    rehearsal = (await press(web, f"{HERE}/rehearse")).headers["location"].split("/")[3]
    real = await web.send("PATCH", f"/v1/rooms/{rehearsal}", json={"test": False}, headers=web.as_("admin"))
    assert (real.status_code, "always a test" in real.text) == (409, True)
    copied = await press(web, f"/admin/rooms/{rehearsal}/duplicate", name="X", starts_at="2031-06-01T21:00")
    assert (copied.status_code, "nobody pays" in copied.text) == (409, True)


async def test_a_sale_is_published_and_put_into_the_archive_and_taken_out(web: Web) -> None:
    await a_sale(web, published=False)
    assert (await web.get("/v1/events/spring-gala")).status_code == 404
    assert (await press(web, f"{HERE}/life", do="publish")).status_code == 303
    assert (await web.get("/v1/events/spring-gala")).status_code == 200
    early = await press(web, f"{HERE}/life", do="archive")
    assert early.status_code == 409
    assert "only a sale that is over can be archived" in early.text
    await web.post("/v1/rooms/spring-gala/close", headers=web.as_("operator"))
    assert (await press(web, f"{HERE}/life", do="archive")).status_code == 303
    assert "spring-gala" not in await shown(web, "/admin")
    assert "spring-gala" in await shown(web, "/admin?archive=1")
    assert "spring-gala" not in (await web.get("/v1/events")).text
    assert "spring-gala" not in (await web.get("/v1/rooms")).text
    for call, body in (
        ("/v1/events/spring-gala", {"venue": "x"}),
        ("/v1/rooms/spring-gala", {"message": "x"}),
    ):
        refused = await web.send("PATCH", call, json=body, headers=web.as_("admin"))
        assert (refused.status_code, "archive" in refused.text) == (409, True)
    assert "In no list" in await shown(web)
    assert (await press(web, f"{HERE}/life", do="unarchive")).status_code == 303
    assert "spring-gala" in await shown(web, "/admin")
    assert (await press(web, f"{HERE}/life", do="dance")).status_code == 422


async def test_what_was_sold_keeps_a_sale_public(web: Web, worker: WorkerContext) -> None:
    await web.event("spring-gala", floor=9)
    await a_purchase(web, "spring-gala")
    assert "Tickets were reserved" in (await press(web, f"{HERE}/life", do="unpublish")).text
    page = await shown(web)
    for text in ("€100.00", "Open the cockpit", "2"):
        assert text in page


async def test_a_duplicate_has_everything_but_message_and_people(web: Web, worker: WorkerContext) -> None:
    await web.event("spring-gala", floor=9, timezone="Europe/Berlin")
    seats = {"seats": [{"section": "Box", "row": "a", "number": n, "price": 900} for n in (1, 2, 5)]}
    await web.post("/v1/events/spring-gala/seats", seats, headers=web.as_("admin"))
    patch = {"message": "We are late.", "closes_at": "2029-12-31T20:00:00Z", "restore_window_s": 33}
    await web.send("PATCH", "/v1/rooms/spring-gala", json=patch, headers=web.as_("admin"))
    await a_purchase(web, "spring-gala")
    missing = await press(web, f"{HERE}/duplicate", name="", starts_at="2035-03-25T02:30")
    assert set(wrong(missing.text)) == {"name", "starts_at"}  # clocks go forward that night
    taken = await press(web, f"{HERE}/duplicate", name="Spring Gala", starts_at="2031-06-01T21:00")
    assert "spring-gala already" in wrong(taken.text)["event_id"]
    made = await press(web, f"{HERE}/duplicate", name="Second Gala", starts_at="2031-06-01T21:00")
    assert made.headers["location"] == "/admin/rooms/second-gala/overview"
    room = (await web.app.queues.loaded_rooms.read(RoomId("second-gala"))).settings
    assert (room.message, room.restore_window_s, room.name) == ("", 33, "Second Gala")
    assert room.closes_at is not None
    assert room.closes_at.isoformat() == "2031-05-31T19:00:00+00:00"  # a day earlier on Berlin's clock
    event = (await web.get("/v1/events/second-gala", headers=web.as_("admin"))).json()
    assert event["starts_at"] == "2031-06-01T19:00:00Z"
    assert not event["published"]
    assert [it["total"] for it in event["ticket_types"]] == [9, 3]
    copied = await people(web, "second-gala")
    assert copied["seats"] == 3
    assert not {"reservations", "seat_holds", "sessions"} & copied.keys()
