"""Codes from outside: created in the console, used on the booking page without a script, and in the API."""

from __future__ import annotations

from app.core.model import RoomId
from app.settings import Settings
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.sql.jobs import job_lists
from app.web.http.cookies import BOOKING_COOKIE
from tests.routes.conftest import Web, code, field_of
from tests.routes.sale.test_seats import a_hall
from tests.routes.system.test_jobs import run_queue
from tests.routes.test_console_pages import actions, fetch, nonce, submit
from worker.context import WorkerContext

PAGE = "/admin/rooms/gala/codes"


async def fan_club(web: Web, staff: dict[str, str]) -> str:
    """Create a set with one code in the console, valid for one order of the floor."""
    form = {"name": "Fan club", "code": "fans", "uses_max": "1", "off_ticket": "7.50", "off_order": "1"}
    form |= {"type floor": "on", "form": await nonce(web, PAGE, staff)}
    wrong = await submit(web, f"{PAGE}/create", staff, **form | {"percent": "x"})
    assert (wrong.status_code, "percent" in wrong.text) == (422, True)
    made = await submit(web, f"{PAGE}/create", staff, **form)
    assert made.status_code == 303, made.text
    return made.headers["location"].partition("set=")[2]


async def test_a_code_opens_a_hidden_type_and_makes_it_cheaper(web: Web, worker: WorkerContext) -> None:
    await a_hall(web)
    staff, operator = await web.staff("admin", "ada"), await web.staff("operator", "ann")
    assert "No codes yet" in await fetch(web, PAGE, operator)
    assert (await submit(web, f"{PAGE}/hide", operator, type="floor", hidden="on")).status_code == 403
    assert (await submit(web, f"{PAGE}/hide", staff, type="floor", hidden="on")).status_code == 303
    of = await fan_club(web, staff)
    assert "FANS" in await fetch(web, f"{PAGE}?set={of}", operator)

    public = (await web.get("/v1/events/gala")).json()["ticket_types"]
    assert [it["ticket_type_id"] for it in public] == ["stalls"]
    _, booking = await web.inside("gala")
    mine = {"cookie": f"{BOOKING_COOKIE}gala={booking['Authorization'].split()[1]}"}
    assert "quantity.floor" not in (await web.get("/events/gala", headers=mine)).text
    strange = await web.get("/events/gala?code=NOPE", headers=mine)
    assert "There is no such code" in strange.text
    page = (await web.get("/events/gala?code=fans", headers=mine)).text
    assert 'name="code" value="FANS"' in page
    assert 'name="price.floor" value="4250"' in page
    seats = {"seat": "stalls-a-1", "price.stalls": "7000", "quantity.floor": "2", "price.floor": "4250"}
    held = await web.send("POST", "/events/gala/reserve", data=seats | {"code": "FANS"}, headers=mine)
    assert held.status_code == 303, held.text
    found = (await web.get(f"/v1{held.headers['location']}", headers=web.as_("operator"))).json()
    assert (found["amount"], found["code"], found["discount"]) == (7000 + 2 * 4250 - 100, "FANS", 100)
    assert found["seat_ids"] == ["stalls-a-1"]

    again = await web.post(
        "/v1/events/gala/reservations",
        {"items": [{"ticket_type_id": "floor", "quantity": 1}], "code": "FANS"},
        headers={**booking, "Idempotency-Key": "again"},
    )
    assert (again.status_code, again.json()["reason"]) == (409, "used_up")
    answer = await web.get(f"{PAGE}.csv?set={of}", headers=operator)
    assert answer.text.splitlines() == ["code,used,uses,state", "FANS,1,1,on"]
    assert (await submit(web, f"{PAGE}/switch", staff, set=of, code="FANS")).status_code == 303
    assert (await submit(web, f"{PAGE}/switch", staff, set=of)).status_code == 303
    assert "Switch on" in await fetch(web, PAGE, staff)
    assert await actions(web, "codes") == ["change", "change", "create"]


async def test_seats_are_read_from_a_file_and_taken_along_as_one(web: Web) -> None:
    await web.event()
    staff, path = await web.staff("admin", "ada"), "/admin/rooms/gala/seats"
    assert "No seats yet" in await fetch(web, path, staff)
    wrong = await submit(web, f"{path}/read", staff, file="section,row\n", price="")
    assert (wrong.status_code, "no column number" in wrong.text) == (422, True)
    text = "section,row,number\nStalls,a,1\nStalls,a,4\nStalls,b,2\n"
    assert (await submit(web, f"{path}/read", staff, file=text, price="70")).status_code == 303
    assert "Stalls" in await fetch(web, path, staff)
    public = (await web.get("/v1/events/gala/seats")).json()["sections"][0]["rows"]
    rows = [{"row": "a", "first": 1, "states": "f--f"}, {"row": "b", "first": 2, "states": "f"}]
    assert public == rows
    answer = await web.get(f"{path}.json", headers=staff)
    assert answer.json() == {"sections": [{"name": "Stalls", "price": 7000, "rows": rows}]}


async def test_a_seat_file_keeps_what_is_not_on_sale(web: Web) -> None:
    await web.event()
    staff, path = await web.staff("admin", "ada"), "/admin/rooms/gala/seats"
    text = "section,row,number,kept\nStalls,a,1,house\nStalls,a,2,\nStalls,a,3,blocked\n"
    assert (await submit(web, f"{path}/read", staff, file=text, price="70")).status_code == 303
    public = (await web.get("/v1/events/gala/seats")).json()["sections"][0]
    assert (public["total"], public["rows"][0]["states"].count("f")) == (1, 1)
    file = await web.get(f"{path}.json", headers=staff)
    assert file.json()["sections"][0]["rows"] == [{"row": "a", "first": 1, "states": "fff", "kept": "h-b"}]
    await web.event("ball")
    page = "/admin/rooms/ball/seats"
    assert (await submit(web, f"{page}/read", staff, file=file.text, price="")).status_code == 303
    assert (await web.get(f"{page}.json", headers=staff)).json() == file.json()


SETS = "/v1/events/gala/codes"


async def test_codes_are_made_listed_and_switched_by_api(web: Web, worker: WorkerContext) -> None:
    await web.event()
    admin, operator = web.as_("admin"), web.as_("operator")
    new = {"name": "Fan club", "code": "fans", "percent": 50}
    assert code(await web.post(SETS, new, headers=operator)) == (403, "role_required")
    assert field_of(await web.post(SETS, {"name": "Nothing"}, headers=admin)) == "ticket_types"
    assert code(await web.get("/v1/events/none/codes", headers=operator)) == (404, "event_not_found")
    made = await web.post(SETS, new, headers=admin | {"Idempotency-Key": "one"})
    again = await web.post(SETS, new, headers=admin | {"Idempotency-Key": "one"})
    assert (made.status_code, again.json()) == (201, made.json())
    assert code(await web.post(SETS, new, headers=admin)) == (409, "already_exists")
    one = f"{SETS}/{made.json()['set_id']}"
    assert made.headers["location"] == one
    many = (await web.post(SETS, {"name": "Press", "count": 3, "percent": 100}, headers=admin)).json()
    listed = (await web.get(SETS, headers=operator)).json()
    assert [(it["name"], it["made"], it["wanted"], it["example"]) for it in listed["items"]] == [
        ("Press", 3, 3, ""),
        ("Fan club", 1, 1, "FANS"),
    ]
    uses = (await web.get(f"{SETS}/{many['set_id']}/uses?per_page=2", headers=operator)).json()
    assert (uses["total"], len(uses["items"]), uses["items"][0]["used"]) == (3, 2, 0)

    async def amount(key: str) -> object:
        _, booking = await web.inside("gala")
        body = {"items": [{"ticket_type_id": "floor", "quantity": 1}], "code": "FANS"}
        headers = {**booking, "Idempotency-Key": key}
        answer = (await web.post("/v1/events/gala/reservations", body, headers=headers)).json()
        return answer.get("amount") or answer["reason"]

    assert await amount("a") == 2500
    off = await web.send("PATCH", f"{one}/uses/fans", json={"active": False}, headers=admin)
    assert (off.status_code, await amount("b")) == (204, "unknown")
    file = await web.get(f"{one}/codes.csv", headers=operator)
    assert file.text.splitlines() == ["code,used,uses,state", "FANS,1,1,off"]
    switched = await web.send("PATCH", one, json={"active": False}, headers=admin)
    assert (switched.json()["active"], (await web.get(one, headers=operator)).json()["used"]) == (False, 1)
    missing = await web.send("PATCH", f"{one}/uses/NONE", json={"active": False}, headers=admin)
    assert code(missing) == (404, "codes_not_found")
    assert await actions(web, "codes") == ["change", "change", "create", "create"]


async def test_very_many_codes_are_made_by_a_job(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event()
    count = 2 * job_lists.CODES_A_STEP + 1
    body = {"name": "Members", "count": count, "prefix": "m", "percent": 10}
    answer = await web.post(SETS, body, headers=web.as_("admin"))
    assert (answer.status_code, answer.json()["made"], answer.json()["wanted"]) == (202, 0, count)
    assert code(await web.post(SETS, body, headers=web.as_("admin"))) == (409, "conflict"), "one at a time"
    staff, page = await web.staff("admin", "ada"), f"{PAGE}?set={answer.json()['set_id']}"
    assert f"0 of {count:,} codes are made" in await fetch(web, page, staff)
    await run_queue(stores, settings)
    found = (await web.get(answer.headers["location"], headers=web.as_("operator"))).json()
    assert (found["made"], found["active"]) == (count, True)
    assert "codes are made" not in await fetch(web, page, staff)
    fields = await stores.redis.hkeys(RoomKeys(RoomId("gala")).codes)
    assert sum(it.startswith("code:M") for it in fields) == count
    job = (await fetch(web, "/admin/jobs", staff)).partition('href="/admin/jobs/')[2].partition('"')[0]
    assert f"{count:,} of {count:,}" in await fetch(web, f"/admin/jobs/{job}", staff)
    leads = await web.get(f"/admin/jobs/{job}/file", headers=staff)
    file = await web.get(leads.headers["location"], headers=staff)
    assert len(set(file.text.splitlines())) == count + 1
