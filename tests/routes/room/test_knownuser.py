"""What connectors and staff may ask of a room with connector settings, and what they may not."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from app.core.gate.knownuser import queue_id
from app.core.model import RoomId
from app.core.tokens.claims import PlaceClaims
from app.core.tokens.place_tokens import new_visitor_id
from app.gate import knownuser
from tests.routes.conftest import Web, code, field_of

HTML = {"Accept": "text/html"}
SHOP: dict[str, Any] = {"target_url": "https://shop.example/buy", "admission_rate_per_minute": 0}
FACE = "/v1/rooms/hall/knownuser"
OURS = {"customer_id": "ticketania"}
LINE = "/?c=ticketania&e=hall"


async def configure_knownuser(web: Web, **settings: Any) -> None:
    await web.room(**{**SHOP, **settings})
    answer = await web.send("PUT", FACE, json=OURS, headers=web.as_("operator"))
    assert answer.status_code == 200, answer.text


async def test_nobody_is_sent_to_a_strangers_site(web: Web) -> None:
    await configure_knownuser(web)
    evil = quote("https://evil.example/", safe="")
    guid = queue_id(new_visitor_id())
    for address, goal in (
        (f"{LINE}&t={evil}", "/rooms/hall"),
        (f"/cancel/multiple/ticketania?wrl=hall~{guid}&r={evil}", SHOP["target_url"]),
        (f"/cancel/ticketania/hall/{guid}?r={evil}", SHOP["target_url"]),
        (f"/cancel/ticketania/hall?r={evil}", SHOP["target_url"]),
        ("/cancel/multiple/ticketania?wrl=hall", SHOP["target_url"]),
        ("/cancel/multiple/ticketania?wrl=hall~x_y", SHOP["target_url"]),
    ):
        answer = await web.get(address, headers=HTML)
        if "_y" in address:
            assert answer.status_code == 404  # no such room
            continue
        assert (answer.status_code, answer.headers["location"]) == (302, goal), address
    page = await web.get(f"/error/hash?c=ticketania&e=hall&t={evil}", headers=HTML)
    assert page.status_code == 403
    assert "evil" not in page.text


async def test_who_is_no_customer_of_the_room_finds_nothing(web: Web) -> None:
    await configure_knownuser(web)
    for address in (
        "/?c=other&e=hall",
        "/?c=ticketania&e=nowhere",
        f"/?c=ticketania&e={'x' * 500}",
        "/?c=&e=%00",
        "/error/hash?c=other&e=hall",
        "/error/hash",
        "/cancel/other/hall",
        "/cancel/multiple/ticketania",
    ):
        answer = await web.get(address, headers=HTML)
        assert answer.status_code == (200 if address.startswith("/?c=&") else 404), address
    many = "&".join(f"a{i}=1" for i in range(100))
    assert (await web.get(f"/?c=ticketania&e=hall&{many}", headers=HTML)).status_code == 200  # the list


async def test_a_foreign_page_that_loads_the_address_starts_nothing(web: Web) -> None:
    await configure_knownuser(web, admission_rate_per_minute=6000)
    headers = {**HTML, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}
    loaded = await web.get(LINE, headers=headers)
    assert loaded.headers["location"] == "/rooms/hall"
    assert "set-cookie" not in loaded.headers
    opened = await web.get(LINE, headers={**headers, "Sec-Fetch-Dest": "document"})
    assert opened.headers["location"].startswith("https://shop.example/buy?queueittoken=e_hall~q_")


async def test_a_line_for_everybody_and_a_bound_token(web: Web) -> None:
    await configure_knownuser(web, admission_rate_per_minute=6000, gate_mode="queue_all", pass_ip_bound=True)
    assert (await web.get(LINE, headers=HTML)).headers["location"] == "/rooms/hall"
    place, _ = await web.inside("hall")
    cookie = {"Cookie": f"fairgate_place_hall={place['Authorization'].removeprefix('Bearer ')}"}
    inside = await web.get(LINE, headers={**HTML, **cookie})
    assert "~cv_" in inside.headers["location"]
    assert "~hip_" in inside.headers["location"]


async def test_whoever_has_a_network_in_their_id_comes_back_and_is_cancelled(web: Web) -> None:
    await configure_knownuser(web, admission_rate_per_minute=6000)
    visitor_id = new_visitor_id(web.app.places.network(RoomId("hall"), "192.0.2.1"))
    room = await web.app.queues.loaded_rooms.get(RoomId("hall"))
    claims = PlaceClaims(
        room_id=room.room_id,
        visitor_id=visitor_id,
        queue_number=None,
        epoch=-1,
        generation=room.generation,
    )
    cookie = f"fairgate_place_hall={web.app.places.sign(claims)}"
    back = await web.get(LINE, headers={**HTML, "Cookie": cookie})
    guid = queue_id(visitor_id)
    assert f"~q_{guid}~" in back.headers["location"]
    await web.get(f"/cancel/ticketania/hall/{guid}", headers=HTML)
    open_sessions = "SELECT count(*) FROM sessions WHERE visitor_id = $1 AND ended_at IS NULL"
    assert await web.app.stores.postgres.fetchval(open_sessions, visitor_id) == 0


WRONG = {
    "customer_id": "Ticket_ania",
    "secret_key": "short",
    "cookie_minutes": 0,
    "cookie_domain": "a b",
    "protect": [{"part": "Body", "value": "x"}],
}


async def test_staff_set_it_once_and_see_no_secret_afterwards(web: Web) -> None:
    await web.room(**SHOP)
    operator = web.as_("operator")
    for method in ("GET", "DELETE"):
        assert code(await web.send(method, FACE, headers=operator)) == (404, "not_found")
    given = {**OURS, "secret_key": "k" * 72}
    made = (await web.send("PUT", FACE, json=given, headers=operator)).json()
    assert made["secret_key"] == given["secret_key"]
    document = (await web.send("PUT", FACE, json={**OURS, "cookie_minutes": 5}, headers=operator)).json()
    assert (document["secret_key"], document["api_key"], document["cookie_minutes"]) == (None, None, 5)
    assert document["version"] > made["version"]
    read = (await web.get(FACE, headers=operator)).json()
    assert not {"secret_key", "api_key"} & read.keys()
    audit = (await web.get("/v1/audit?kind=knownuser", headers=web.as_("admin"))).text
    assert given["secret_key"] not in audit
    row = await web.app.stores.postgres.fetchrow("SELECT sealed, face::text FROM knownuser_rooms")
    assert row is not None
    assert given["secret_key"].encode() not in bytes(row["sealed"]) + row["face"].encode()
    await web.room("second")
    second = (await web.send("PUT", "/v1/rooms/second/knownuser", json=OURS, headers=operator)).json()
    assert second["secret_key"] is None  # it is the customer's key, and the customer has one connector
    connectors = await knownuser.connectors_of(web.app.connectors, "ticketania")
    assert {it.secret for it in connectors} == {given["secret_key"]}
    again = (await web.send("PUT", FACE, json={**given, "secret_key": "n" * 72}, headers=operator)).json()
    assert again["secret_key"] == "n" * 72
    changes = (await web.get("/v1/audit?kind=knownuser", headers=web.as_("admin"))).json()["items"]
    assert changes[0]["after"] == {"cookie_minutes": 20, "other_key": True}
    nowhere = await web.send("PUT", "/v1/rooms/nowhere/knownuser", json=OURS, headers=operator)
    assert code(nowhere) == (404, "room_not_found")
    for field, value in WRONG.items():
        refused = await web.send("PUT", FACE, json={**OURS, field: value}, headers=operator)
        assert field_of(refused).startswith(field)
    assert (await web.send("DELETE", FACE, headers=operator)).status_code == 204
    log = (await web.get("/v1/audit?kind=knownuser&id=hall", headers=web.as_("admin"))).json()["items"]
    assert [it["action"] for it in log] == ["delete", "change", "change", "create"]
    assert code(await web.get(FACE, headers=operator)) == (404, "not_found")
