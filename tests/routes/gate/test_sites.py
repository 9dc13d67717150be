"""One gate address for many rooms: rules select the room, in every process, and its gate does the rest."""

from __future__ import annotations

from typing import Any

import httpx

from app import metrics
from app.settings import Settings
from tests.routes.at_gate import HTML, gate_headers, handed_over, pass_cookie
from tests.routes.conftest import Web, code, field_of, served
from tests.support.waiting import wait_until

GATE = "/v1/gate"
SHOP: dict[str, Any] = {"target_url": "https://shop.example/", "gate_mode": "queue_all"}


async def set_sites(web: Web, *rules: dict[str, Any]) -> httpx.Response:
    return await web.send("PUT", "/v1/sites", json={"sites": rules}, headers=web.as_("admin"))


async def two_rooms(web: Web) -> None:
    """The shop as a whole belongs to `hall`, its ticket pages to `tickets`."""
    await web.room(**SHOP)
    await web.room("tickets", **SHOP)
    answer = await set_sites(
        web,
        {"host": "Shop.Example", "room_id": "hall"},
        {"host": "shop.example", "path_prefix": "/tickets", "room_id": "tickets"},
    )
    assert answer.status_code == 200, answer.text
    assert [it["room_id"] for it in answer.json()["sites"]] == ["tickets", "hall"]


def room_of(answer: httpx.Response) -> str:
    """The room whose queue page a response leads to; "" for none."""
    assert answer.status_code in (204, 302, 401, 403), answer.text
    address: str = answer.headers.get("x-fairgate-queue", "")
    return address.partition("/rooms/")[2].partition("?")[0]


async def test_the_room_is_found_by_whatever_the_proxy_tells(web: Web) -> None:
    await two_rooms(web)
    traefik = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example"}
    for path, room_id in (("/", "hall"), ("/tickets/7?a=1", "tickets")):
        for query, headers in (
            ("?deny=401", {"X-Original-URL": f"https://shop.example{path}"}),
            ("?deny=302", {**traefik, "X-Forwarded-Uri": path, "X-Forwarded-Method": "POST"}),
            ("", {**traefik, "X-Forwarded-Host": "SHOP.example:443", "X-Forwarded-Uri": path}),
            (path, {"Host": "shop.example", "X-Forwarded-Proto": "https"}),  # appended by Envoy
        ):
            answer = await web.get(GATE + query, headers={**HTML, **headers})
            assert room_of(answer) == room_id, (path, headers)
            assert "X-Fairgate-Bypass" not in answer.headers
    answer = await web.send("POST", f"{GATE}/tickets", headers={"Host": "shop.example"}, content=b"not json")
    assert room_of(answer) == "tickets"


async def test_what_a_visitor_says_beside_the_proxy_gets_nobody_past(web: Web) -> None:
    await two_rooms(web)
    address = "https://shop.example/tickets"
    traefik = {
        **{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example", "X-Forwarded-Uri": "/tickets"},
        "X-Forwarded-Method": "GET",
    }
    nginx = {"X-Original-URL": address, "X-Original-Method": "GET"}
    for headers in (
        {**traefik, "X-Original-URL": "https://nowhere.example/tickets"},
        {**traefik, "X-Original-URL": "https://shop.example/"},
        {**traefik, "X-Original-Method": "PUT"},
        {**nginx, "X-Forwarded-Host": "nowhere.example"},
        {**nginx, "X-Forwarded-Uri": "/"},
        {"X-Original-URL": "https://shop.example/a/..%2ftickets"},
        {"X-Original-URL": "https://shop.example//tickets"},
        {"X-Original-URL": "nonsense"},
        {},
    ):
        assert code(await web.get(GATE, headers={**HTML, **headers})) == (403, "address_unclear"), headers
    envoy = {"Host": "shop.example", "X-Original-URL": "https://nowhere.example/", "X-Forwarded-Host": "x"}
    assert room_of(await web.get(f"{GATE}/tickets", headers=envoy)) == "tickets"
    assert (
        room_of(await web.get(GATE, headers=gate_headers("https://shop.example/?x=\\" + "y" * 3000)))
        == "hall"
    )


async def test_a_pass_is_of_its_room_and_a_ticket_makes_one(web: Web) -> None:
    await two_rooms(web)
    place, _ = await web.inside("hall")
    answer = await web.get(
        GATE, headers=gate_headers(await handed_over(web, place, "https://shop.example/a?b=1"))
    )
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.example/a?b=1")
    mine = pass_cookie(answer)
    assert (await web.get(GATE, headers=mine | gate_headers("https://shop.example/b"))).status_code == 204
    assert (
        room_of(await web.get(GATE, headers=mine | gate_headers("https://shop.example/tickets"))) == "tickets"
    )
    unseen = await web.event("secret", published=False)
    await set_sites(web, {"host": "*.example", "room_id": unseen})
    assert code(await web.get(GATE, headers=gate_headers("https://a.example/"))) == (404, "room_not_found")
    staff = web.as_("operator") | gate_headers("https://a.example/")
    assert (await web.get(GATE, headers=staff)).status_code != 404


async def test_a_change_is_known_in_every_process_and_what_no_rule_is_about_passes(
    web: Web, settings: Settings
) -> None:
    headers = gate_headers("https://shop.example/")

    async def passes(process: Web) -> bool:
        answer = await process.get(GATE, headers=headers)
        return "no_site" in answer.headers.get_list("x-fairgate-bypass")

    before = metrics.GATE.counted("no_site")
    assert await passes(web)
    assert metrics.GATE.counted("no_site") == before + 1
    await web.room(**SHOP)
    async with served(settings) as other:
        assert await passes(other)
        await set_sites(web, {"host": "*", "room_id": "hall"})
        assert room_of(await web.get(GATE, headers=headers)) == "hall"

        async def is_known() -> bool:
            return not await passes(other)

        await wait_until(is_known, "the rule in the other process", timeout_s=20)
        await web.app.stores.postgres.execute("DELETE FROM sites")  # as with a room: not published

        async def is_gone() -> bool:
            return await passes(other) and await passes(web)

        await wait_until(is_gone, "the end of the rule in both", timeout_s=20)


async def test_wrong_rules_are_named_and_change_nothing(web: Web) -> None:
    await two_rooms(web)
    good = {"host": "a.example", "room_id": "hall"}
    for field, wrong in (
        ("sites[1].room_id", {"host": "b.example", "room_id": "nowhere"}),
        ("sites[1].host", {"host": "b.example:8443", "room_id": "hall"}),
        ("sites[1].path_prefix", {"host": "b.example", "path_prefix": "/a//b", "room_id": "hall"}),
        ("sites[1].method", {"host": "b.example", "method": "get", "room_id": "hall"}),
        ("sites[1]", {"host": "A.example.", "path_prefix": "", "room_id": "tickets"}),
        ("sites[1].colour", {**good, "colour": "red"}),
    ):
        assert field_of(await set_sites(web, good, wrong)) == field
    many = [{"host": f"{i}.example", "room_id": "hall"} for i in range(501)]
    assert field_of(await set_sites(web, *many)) == "sites"
    stored = (await web.get("/v1/sites", headers=web.as_("operator"))).json()
    assert [it["room_id"] for it in stored["sites"]] == ["tickets", "hall"]
    assert (await set_sites(web, *many[:500])).status_code == 200
