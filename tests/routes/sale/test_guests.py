"""The guest list of a sale: free tickets that count, are mailed, open the door, and can be withdrawn."""

from __future__ import annotations

import csv
import io

from app.core.model import EventId
from app.reservations import consistency
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, code, field_of
from tests.routes.mailing import server, settings, text_of, wait_for_mail
from tests.routes.orders.test_door import codes_of, scan, verdicts
from tests.routes.orders.test_exports import export
from tests.routes.sale.test_seats import a_hall
from tests.routes.test_console_pages import actions, fetch, nonce, submit
from tests.support.mail_server import MailServer
from tests.support.waiting import wait_until
from worker.context import WorkerContext

__all__ = ["server", "settings"]
PAGE = "/admin/rooms/gala/guests"
ADA = {"name": "Ada", "email": "ada@example.org", "type": "floor", "tickets": "2"}


async def free(web: Web, kind: str = "floor") -> int:
    """How many tickets of a type are available to fans."""
    types = (await web.get("/v1/events/gala/availability")).json()["ticket_types"]
    found: int = next(it["free"] for it in types if it["ticket_type_id"] == kind)
    return found


async def orders(web: Web) -> list[str]:
    """The guests' orders, oldest first."""
    rows = await web.app.stores.postgres.fetch("SELECT reservation_id FROM reservations ORDER BY created_at")
    return [it[0] for it in rows]


async def test_a_guest_gets_tickets_by_e_mail_and_comes_in(
    web: Web, worker: WorkerContext, server: MailServer, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=5, max_tickets_per_visitor=1, fee_per_ticket=200)
    owner, olga = await web.staff("admin", "ada"), await web.staff("operator", "olga")
    assert "Nobody is on the list yet" in await fetch(web, PAGE, olga)
    assert (await submit(web, f"{PAGE}/add", olga, **ADA)).status_code == 403
    wrong = await submit(web, f"{PAGE}/add", owner, **ADA | {"email": "nowhere"})
    assert (wrong.status_code, 'value="Ada"' in wrong.text) == (422, True)
    form = ADA | {"form": await nonce(web, PAGE, owner)}
    for _ in range(2):  # sent again, nobody is added twice
        added = await submit(web, f"{PAGE}/add", owner, **form)
        assert (added.status_code, added.headers["location"]) == (303, f"{PAGE}?added=1"), added.text
    assert await free(web) == 3
    (order,) = await orders(web)
    mail = await wait_for_mail(server, "Your tickets: Gala")
    mine = await codes_of(web, order)
    assert (mail["To"], len(mine), all(it in text_of(mail) for it in mine)) == ("ada@example.org", 2, True)
    assert any(it.get_content_type() == "application/pdf" for it in mail.walk())
    assert verdicts(await scan(web, ("one", mine[0], None))) == ["checked_in"]
    page = await fetch(web, PAGE, olga)
    assert "1 guest, 2 tickets" in page
    assert "1 of 2 in" in page
    assert "Add a guest" not in page
    attendees = await fetch(web, "/admin/rooms/gala/attendees?who=guests", olga)
    assert attendees.count('<span class="chip">guest</span>') == 2
    assert "Nobody found" in await fetch(web, "/admin/rooms/gala/attendees?who=buyers", olga)
    tickets = list(csv.DictReader(io.StringIO((await export(web, stores, settings, "tickets.csv")).decode())))
    assert {(it["name"], it["price"], it["guest"]) for it in tickets} == {("Ada", "0.00", "yes")}
    assert (await actions(web, "reservation"))[0] == "add guest"


async def test_a_guest_is_withdrawn_and_the_list_survives_a_lost_redis(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await web.event(floor=5)
    owner, olga = await web.staff("admin", "ada"), await web.staff("operator", "olga")
    assert (await submit(web, f"{PAGE}/add", owner, **ADA)).status_code == 303
    (order,) = await orders(web)
    mine = await codes_of(web, order)
    assert (await submit(web, f"{PAGE}/withdraw", olga, order=order)).status_code == 403
    assert (await submit(web, f"{PAGE}/withdraw", owner, order="other")).status_code == 404
    for _ in range(2):
        assert (await submit(web, f"{PAGE}/withdraw", owner, order=order, stock="back")).status_code == 303
    assert await free(web) == 5
    assert verdicts(await scan(web, ("two", mine[1], None))) == ["void"]
    assert "withdrawn" in await fetch(web, PAGE, olga)
    await stores.redis.flushall()  # Postgres alone is enough to continue

    async def added_again() -> bool:
        again = await submit(web, f"{PAGE}/add", owner, **ADA)
        assert again.status_code == 303 or "nothing is lost" in again.text, again.text
        return again.status_code == 303

    async def taken() -> bool:
        return await free(web) == 3

    await wait_until(added_again, "a guest after Redis was lost")
    await wait_until(taken, "their tickets in the stock")
    assert await consistency.check(stores, EventId("gala")) == []


async def test_a_list_is_never_oversold_and_who_is_left_stays_in_the_form(
    web: Web, worker: WorkerContext
) -> None:
    await a_hall(web, floor=40)
    owner = await web.staff("admin", "ada")
    text = "".join(f"Guest {n},,floor,2\n" for n in range(25)) + "Best,,stalls,3\n"
    form = {"list": text, "usual": "floor", "form": await nonce(web, PAGE, owner)}
    answer = await submit(web, f"{PAGE}/read", owner, **form)
    assert (answer.status_code, "21 added" in answer.text) == (409, True), answer.text
    assert answer.text.split("<textarea")[1].count("Guest ") == 5
    assert (await free(web), await free(web, "stalls")) == (0, 12)
    names = await fetch(web, f"{PAGE}?q=best", owner)
    assert "3 \u00d7 Stalls" in names
    order = names.split("/admin/orders/")[1][:22]
    out = await submit(web, f"{PAGE}/withdraw", owner, order=order, stock="out")
    assert (out.status_code, await free(web, "stalls")) == (303, 12)
    bad = await submit(web, f"{PAGE}/read", owner, list="Ada,nowhere,floor,1", usual="")
    assert (bad.status_code, "row 1" in bad.text) == (422, True)
    assert await consistency.check(web.app.stores, EventId("gala")) == []


async def test_guests_by_api_as_in_the_console(web: Web, worker: WorkerContext) -> None:
    await web.event(floor=3)
    path, admin, operator = "/v1/events/gala/guests", web.as_("admin"), web.as_("operator")
    body = {"name": "Ada", "ticket_type_id": "floor", "email": "Ada@example.org", "quantity": 2}
    assert code(await web.post(path, body, headers=operator)) == (403, "role_required")
    for wrong in ({"ticket_type_id": "box"}, {"quantity": 0}, {"email": "nowhere"}, {"name": ""}):
        refused = await web.post(path, body | wrong, headers=admin)
        assert field_of(refused) == next(iter(wrong)), refused.text
    once = admin | {"Idempotency-Key": "ada"}
    made, again = [await web.post(path, body, headers=once) for _ in "ab"]
    assert (made.status_code, again.status_code, made.json() == again.json()) == (201, 201, True), made.text
    assert (made.json()["given"], made.json()["email"], await free(web)) == (2, "Ada@example.org", 1)
    assert code(await web.post(path, body | {"quantity": 1}, headers=once)) == (409, "idempotency_key_reused")
    assert code(await web.post(path, body, headers=admin)) == (409, "sold_out")
    bob = await web.post(path, {"name": "Bob", "ticket_type_id": "floor"}, headers=admin)
    listed = (await web.get(f"{path}?q=ADA", headers=operator)).json()
    assert ([it["name"] for it in listed["items"]], listed["total"]) == (["Ada"], 1)
    assert [it["name"] for it in (await web.get(path, headers=operator)).json()["items"]] == ["Bob", "Ada"]
    one, out = bob.headers["location"], made.headers["location"]
    assert (await web.send("DELETE", one, headers=operator)).status_code == 403
    for _ in range(2):
        assert (await web.send("DELETE", one, headers=admin)).status_code == 204
    assert (await web.send("DELETE", f"{out}?stock=out", headers=admin)).status_code == 204
    assert await free(web) == 1
    assert [it["valid"] for it in (await web.get(path, headers=operator)).json()["items"]] == [0, 0]
    nobody = await web.send("DELETE", f"{path}/{'r' * 22}", headers=admin)
    assert code(nobody) == (404, "reservation_not_found")
    assert (await actions(web, "reservation"))[-1] == "add guest"
