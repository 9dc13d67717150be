"""The gate in front of somebody else's site."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.core.model import RoomSettings
from app.web.gate import allowed
from tests.routes.conftest import Web, bearer, code

GATE = "/v1/rooms/hall/gate"
HTML = {"Accept": "text/html,application/xhtml+xml"}
SHOP: dict[str, Any] = {
    "target_url": "https://shop.example/buy",
    "allowed_return_hosts": ["www.shop.example", "dev.example:8443"],
}


async def test_a_booking_token_opens_the_gate(web: Web) -> None:
    await web.room(**SHOP)
    place, booking = await web.inside("hall")
    assert (await web.get(GATE, headers=booking)).status_code == 204
    token = booking["Authorization"].removeprefix("Bearer ")
    assert (await web.get(GATE, headers={"Cookie": f"fairgate_booking_hall={token}"})).status_code == 204
    assert code(await web.get(GATE, headers=place)) == (401, "credential_invalid")
    mixed = {"Authorization": "Bearer x", "Cookie": f"fairgate_booking_hall={token}"}
    assert code(await web.get(GATE, headers=mixed)) == (401, "credential_invalid")


async def test_a_browser_is_sent_to_the_line_and_back(web: Web) -> None:
    await web.room(**SHOP)

    async def location(headers: dict[str, str], query: str = "") -> str:
        answer = await web.get(GATE + query, headers={**HTML, **headers})
        assert answer.status_code == 302
        return answer.headers["location"]

    wanted = "https://shop.example/buy?size=2&x=y"
    for headers, query in (
        ({"X-Original-URL": wanted}, ""),
        (
            {
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "shop.example",
                "X-Forwarded-Uri": "/buy?size=2&x=y",
            },
            "",
        ),
        ({}, "?return_to=https%3A%2F%2Fshop.example%2Fbuy%3Fsize%3D2%26x%3Dy"),
    ):
        target = urlsplit(await location(headers, query))
        assert (target.netloc, target.path) == ("fairgate.test", "/rooms/hall")
        assert parse_qs(target.query) == {"return_to": [wanted]}
    assert await location({"X-Original-URL": "https://evil.example/"}) == "http://fairgate.test/rooms/hall"
    assert code(await web.get(GATE)) == (401, "credential_missing")
    assert code(await web.get("/v1/rooms/nowhere/gate", headers=HTML)) == (404, "room_not_found")


async def test_another_rooms_token_is_no_key(web: Web) -> None:
    await web.room("hall")
    await web.room("other")
    place = await web.join("other")
    path = "/v1/rooms/other/places/me/booking-token"
    token = (await web.post(path, headers=bearer(place["place_token"]))).json()["booking_token"]
    assert code(await web.get(GATE, headers=bearer(token))) == (403, "wrong_room")


@pytest.mark.parametrize(
    "address",
    [
        "https://shop.example/",
        "https://shop.example:443/a",
        "https://SHOP.example/a",
        "http://www.shop.example/",
        "https://dev.example:8443/x",
    ],
)
def test_hosts_of_the_room_come_back(address: str) -> None:
    assert allowed(address, RoomSettings(name="Shop", **SHOP)) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/path",
        "//shop.example/",
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://evil.example\\@shop.example/",
        "https://shop.example:8443/",
        "https://dev.example/",
        "javascript://shop.example/%0aalert(1)",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://[shop.example/",
        "https://shop.example:port/",
        "https://shop.example/" + "x" * 2000,
    ],
)
def test_any_other_address_is_dropped(address: str) -> None:
    assert allowed(address, RoomSettings(name="Shop", **SHOP)) == ""
