"""The door: who is checked in, on several devices, now and later; and the response to every other code."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.core.account import Account
from app.core.reservations.check_ins import Scan, code_hash
from app.store.sql.reservations import check_ins
from tests.routes.access.test_sale_rights import somebody
from tests.routes.conftest import Web, code, field_of
from tests.routes.orders.test_orders import a_purchase
from tests.routes.test_console_pages import fetch, submit
from worker.context import WorkerContext

DOOR = "/admin/rooms/gala/door"
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


@pytest.fixture
async def codes(web: Web, worker: WorkerContext) -> list[str]:
    """The codes of two tickets for the gala."""
    await web.event(timezone="Europe/Berlin")
    order, _ = await a_purchase(web)
    return await codes_of(web, order)


async def codes_of(web: Web, order: str) -> list[str]:
    rows = await web.app.stores.postgres.fetch("SELECT code FROM tickets WHERE reservation_id = $1", order)
    return [it[0] for it in rows]


async def scan(web: Web, *scans: tuple[str, str, datetime | None], device: str = "Gate A") -> list[Any]:
    """Send these scans (scan_id, code, when) and return their results."""
    listed = [
        {"scan_id": name, "code": it, **({"at": at.isoformat()} if at else {})} for name, it, at in scans
    ]
    who = web.as_("operator", device.lower().replace(" ", "-"))
    answer = await web.post("/v1/events/gala/check-ins", {"device": device, "scans": listed}, headers=who)
    assert answer.status_code == 200, answer.text
    results: list[Any] = answer.json()["results"]
    assert [it["scan_id"] for it in results] == [it[0] for it in scans]
    return results


def verdicts(results: list[Any]) -> list[str]:
    return [it["verdict"] for it in results]


async def counted(web: Web) -> tuple[int, int]:
    answer = await web.get("/v1/events/gala/check-ins", headers=web.as_("operator"))
    return answer.json()["checked_in"], answer.json()["tickets"]


async def test_a_ticket_is_let_in_once_and_every_other_code_is_told_apart(web: Web, codes: list[str]) -> None:
    one, two = codes
    [first] = await scan(web, ("s1", one.lower(), None))
    assert (first["verdict"], first["ticket_type"], first["first"]["device"]) == (
        "checked_in",
        "Floor",
        "Gate A",
    )
    assert await scan(web, ("s1", one, None)) == [first]  # the response was lost
    [second] = await scan(web, ("s2", f"https://x.example/t/{one}", None), device="Gate B")
    assert (second["verdict"], second["first"]) == ("already", first["first"])
    assert await counted(web) == (1, 2)
    await web.event("matinee", name="Matinee")
    other, _ = await a_purchase(web, "matinee")
    elsewhere, _ = await codes_of(web, other)
    cancelled_order, _ = await a_purchase(web)
    cancelled, _ = await codes_of(web, cancelled_order)
    await web.post(f"/v1/orders/{cancelled_order}/cancel", headers=web.as_("admin"))
    results = await scan(web, ("s3", elsewhere, None), ("s4", cancelled, None), ("s5", "no ticket", None))
    assert verdicts(results) == ["other_sale", "void", "unknown"]
    assert results[0]["sale"] == "Matinee"
    assert await counted(web) == (1, 2)
    assert two


async def test_of_devices_at_once_one_lets_the_holder_in(web: Web, codes: list[str]) -> None:
    [one, two] = codes
    devices = [f"Gate {n}" for n in range(8)]

    async def at_gate(number: int) -> list[Any]:
        scans = [(f"a{number}", one, None), (f"b{number}", two, None)]
        return await scan(web, *(scans if number % 2 else scans[::-1]), device=devices[number])

    verdicts_ = [it for results in await asyncio.gather(*map(at_gate, range(8))) for it in results]
    assert sorted(verdicts(verdicts_)) == ["already"] * 14 + ["checked_in"] * 2
    for name in "ab":
        mine = [it for it in verdicts_ if it["scan_id"].startswith(name)]
        [winner] = [it for it in mine if it["verdict"] == "checked_in"]
        assert {it["first"]["device"] for it in mine} == {winner["first"]["device"]}


async def test_a_scan_without_a_time_takes_nobodys_place(web: Web, codes: list[str]) -> None:
    """Even if its transaction began first: the holder is already in when it is answered."""
    [one, _] = codes
    by = Account(subject="gate-a", role="operator")
    async with web.app.stores.postgres.acquire() as connection, connection.transaction():
        # Gate A keeps this time
        await connection.fetchval("SELECT now()")
        await scan(web, ("b", one, None), device="Gate B")
        scans = [Scan(scan_id="a", code=one)]
        [late] = await check_ins.record(connection, "gala", "Gate A", scans, [one], by.subject)
    assert (late.verdict, late.first and late.first.device) == ("already", "Gate B")
    a_second_ago = datetime.now(UTC) - timedelta(seconds=1)
    [offline] = await scan(web, ("c", one, a_second_ago), device="Gate C")
    assert (offline["verdict"], offline["also"]["device"]) == ("checked_in", "Gate B")


async def test_what_was_scanned_offline_is_merged_and_the_first_scan_counts(
    web: Web, codes: list[str]
) -> None:
    one, two = codes
    await scan(web, ("online", one, NOON + timedelta(minutes=30)), device="Gate A")
    late = [("x", one, NOON), ("y", two, NOON), ("z", two, NOON + timedelta(minutes=1))]
    merged = await scan(web, *late, device="Gate B")
    assert verdicts(merged) == ["checked_in", "checked_in", "already"]
    assert merged[0]["also"]["device"] == "Gate A"  # which had checked somebody in half an hour later
    assert merged[1]["also"] is None
    again = await scan(web, *late, device="Gate B")
    assert [(it["verdict"], it["first"]) for it in again] == [(it["verdict"], it["first"]) for it in merged]
    [online] = await scan(web, ("online", one, NOON + timedelta(minutes=30)), device="Gate A")
    assert (online["verdict"], online["first"]["at"]) == ("already", NOON.isoformat().replace("+00:00", "Z"))
    [future] = await scan(web, ("f", "unknown", datetime.now(UTC) + timedelta(days=300)))
    assert future["verdict"] == "unknown"
    assert await counted(web) == (2, 2)


async def test_a_mistaken_scan_is_undone_for_good(web: Web, codes: list[str]) -> None:
    one, _ = codes
    await scan(web, ("s1", one, None))
    path, staff = "/v1/events/gala/check-ins/undo", web.as_("operator", "olga")
    assert (await web.post(path, {"scan_id": "s1"}, headers=staff)).status_code == 204
    assert (await web.post(path, {"scan_id": "s1"}, headers=staff)).status_code == 204
    assert code(await web.post(path, {"scan_id": "s9"}, headers=staff)) == (409, "conflict")
    assert verdicts(await scan(web, ("s1", one, NOON))) == ["undone"]  # sent once more
    assert await counted(web) == (0, 2)
    assert verdicts(await scan(web, ("s2", one, None))) == ["checked_in"]
    log = (await web.get("/v1/audit?kind=check_in", headers=staff)).json()["items"]
    assert [(it["action"], it["who"]) for it in log] == [("undo", "olga")]


async def test_who_was_let_in_cannot_have_the_money_back_without_staff(
    web: Web, worker: WorkerContext
) -> None:
    await web.event()
    order, place = await a_purchase(web)
    one, _ = await codes_of(web, order)
    assert verdicts(await scan(web, ("s1", one, None))) == ["checked_in"]
    path = f"/v1/reservations/{order}/cancel"
    assert code(await web.post(path, {}, headers=place)) == (409, "conflict")
    assert len(await codes_of(web, order)) == 2
    undo = {"scan_id": "s1"}
    await web.post("/v1/events/gala/check-ins/undo", undo, headers=web.as_("operator"))
    assert (await web.post(path, {}, headers=place)).json()["status"] == "cancelled"


async def test_who_may_and_what_may_be_sent(web: Web, codes: list[str]) -> None:
    path, good = "/v1/events/gala/check-ins", {"scan_id": "s", "code": codes[0]}
    body = {"device": "Gate", "scans": [good]}
    assert code(await web.post(path, body, headers=web.as_("user"))) == (403, "role_required")
    nothing = await web.post("/v1/events/none/check-ins", body, headers=web.as_("operator"))
    assert code(nothing) == (404, "event_not_found")
    for wrong in ([], [good] * 101, [{**good, "scan_id": "a b"}]):
        answer = await web.post(path, {"device": "Gate", "scans": wrong}, headers=web.as_("operator"))
        assert field_of(answer).startswith("scans")
    for scopes, status in ((["check_ins:write"], 200), (["check_ins:read", "reservations:read"], 403)):
        key = {"name": "Turnstile", "role": "operator", "scopes": scopes, "events": ["gala"]}
        made = (await web.post("/v1/keys", key, headers=web.as_("admin"))).json()["key"]
        answer = await web.post(path, body, headers={"Authorization": f"Bearer {made}"})
        assert answer.status_code == status


async def test_the_page_works_with_a_form_alone(web: Web, codes: list[str]) -> None:
    ana = await web.staff("operator", "ana")
    assert re.search(r"<b data-in>0</b> of <b data-tickets>2</b>", await fetch(web, DOOR, ana))
    page = (await web.get(DOOR, headers=ana)).headers
    assert page["permissions-policy"].startswith("camera=(self)")
    assert (await web.get("/admin", headers=ana)).headers["permissions-policy"].startswith("camera=()")
    text = (await submit(web, DOOR, ana, code=codes[0])).text
    assert "Checked in" in text
    assert "Floor" in text
    again = (await submit(web, DOOR, ana, code=codes[0])).text
    assert re.search(
        r"Already checked in</p>\s*<p>at \d\d:\d\d \(Europe/Berlin\) by ana \(This page\)", again
    )
    assert (await submit(web, DOOR, ana, code=" ")).status_code == 422
    undo = re.search(r'name="undo" value="(\w+)"', text)
    assert undo is not None
    assert "<b data-in>0</b>" in (await submit(web, DOOR, ana, undo=undo[1])).text
    assert "did not check anybody in" in (await submit(web, DOOR, ana, undo="s9")).text
    assert (await submit(web, DOOR, ana, undo="s\0")).status_code == 422, "no text in Postgres contains it"
    await web.room("hall")
    assert (await web.get("/admin/rooms/hall/door", headers=ana)).status_code == 404


async def test_what_the_script_asks_for(web: Web, codes: list[str]) -> None:
    ana = await web.staff("operator", "ana")
    found = (await web.get(f"{DOOR}/list", headers=ana)).json()
    assert sorted(re.findall("." * 16, found["hashes"])) == sorted(code_hash("gala", it) for it in codes)
    assert (found["whole"], found["kinds"], found["seen"]) == (True, "0000", [])
    assert not any(it in str(found) for it in codes)
    scans = {"device": "Gate A", "scans": [{"scan_id": "s1", "code": codes[0], "at": NOON.isoformat()}]}
    answer = await submit(web, f"{DOOR}/scans", ana, scans=msgspec.json.encode(scans).decode())
    assert [it["verdict"] for it in answer.json()["results"]] == ["checked_in"]
    assert answer.json()["results"][0]["first"]["at_ms"] == NOON.timestamp() * 1000
    now = (await web.get(f"{DOOR}/now?after={found['now_ms']}", headers=ana)).json()
    at_ms = int(NOON.timestamp() * 1000)
    assert now["seen"] == [[code_hash("gala", codes[0]), at_ms, "ana", "Gate A"]]
    assert now["counts"]["checked_in"] == 1
    assert (await submit(web, f"{DOOR}/undo", ana, scan_id="s1")).json()["undone"] is True
    assert (await submit(web, f"{DOOR}/undo", ana, scan_id="s9")).json()["undone"] is False
    now = (await web.get(f"{DOOR}/now?after={found['now_ms']}", headers=ana)).json()
    assert now["seen"] == [[code_hash("gala", codes[0]), 0, "", ""]]
    assert (await submit(web, f"{DOOR}/scans", ana, scans="[")).status_code == 422
    script = await web.get(f"{DOOR}/worker.js", headers=ana)
    assert script.headers["service-worker-allowed"] == DOOR
    assert script.headers["content-type"].startswith("text/javascript")


async def test_who_is_at_the_door_sees_nothing_but_the_door(web: Web, codes: list[str]) -> None:
    await web.event("ball", name="Ball")
    theirs = await somebody(web, "door")
    assert f'href="{DOOR}"' in await fetch(web, "/admin", theirs)
    page = await fetch(web, DOOR, theirs)
    assert "change nothing" not in page
    assert not re.search(r'href="/admin/(orders|rooms/gala")', page)
    assert "Checked in" in (await submit(web, DOOR, theirs, code=codes[0])).text
    for path in (
        "/admin/rooms/gala",
        "/admin/rooms/gala/attendees",
        "/admin/orders",
        "/admin/rooms/ball/door",
    ):
        assert (await web.get(path, headers=theirs)).status_code == 403, path
    assert (await submit(web, "/admin/rooms/ball/door", theirs, code=codes[1])).status_code == 403


async def sizes_of_pages(web: Web, path: str, who: dict[str, str]) -> list[int]:
    """The number of attendees on each page, from this one to the last."""
    sizes, found = [], set[str]()
    while path:
        assert path not in found
        found.add(path)
        page = await fetch(web, path, who)
        sizes.append(page.count('data-label="Name"'))
        more = re.search(r'href="([^"]*after=[^"]*)">More', page)
        path = more[1] if more else ""
    return sizes


async def test_attendees_are_found_by_who_they_are_and_where_they_sit(web: Web, codes: list[str]) -> None:
    postgres = web.app.stores.postgres
    order = await postgres.fetchval("SELECT reservation_id FROM tickets WHERE code = $1", codes[0])
    await postgres.execute(
        "INSERT INTO buyers (reservation_id, email, name, recipient_hash) "
        "VALUES ($1, 'ann@example.org', 'Ann O''Hara', '\\x01')",
        order,
    )
    await postgres.execute(
        "UPDATE tickets SET seat_id = 'stalls-a-12', holder_name = 'Bo <b>' WHERE code = $1", codes[0]
    )
    await scan(web, ("s1", codes[0], None))
    ana, here = await web.staff("operator", "ana"), "/admin/rooms/gala/attendees"

    async def found(query: str) -> int:
        return (await fetch(web, f"{here}?{query}", ana)).count('data-label="Name"')

    page = await fetch(web, here, ana)
    assert "1 of 2 checked in" in page
    assert "row A seat 12" in page
    for query, count in (
        *(("q=ann", 2), ("q=O%27HARA", 2), ("q=ann%40example", 2), (f"q={order}", 2)),
        *(("q=bo+%3Cb", 1), (f"q={codes[1].lower()}", 1), ("q=A-12", 1), ("q=Row+a+Seat+12", 1)),
        *(("q=a-1", 0), ("q=%25", 0), ("presence=in", 1), ("presence=out", 1), ("q=bo&presence=out", 0)),
    ):
        assert await found(query) == count, query
    await postgres.execute(
        "INSERT INTO tickets (ticket_id, reservation_id, ticket_type_id, code) "
        "SELECT 't' || n, $1, 'floor', 'CODE' || n FROM generate_series(1, 60) AS n",
        order,
    )
    assert await sizes_of_pages(web, here, ana) == [50, 12]
    assert (await web.get(f"{here}?after=x", headers=ana)).status_code == 422
