"""Addresses at the gate: tickets leave no trace in them, and nobody is redirected to another site."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from app.core.model import RoomSettings
from app.core.tokens.handover import with_ticket, without_ticket
from app.web.gate.addresses import allowed
from tests.routes.at_gate import GATE, HTML, SHOP, gate_headers, handed_over, pass_cookie
from tests.routes.conftest import Web

# Addresses that are not on a host of the shop, or are ambiguous.
ELSEWHERE = [
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
    "http:/shop.example/",
    "http:shop.example/",
    "https:///shop.example/",
    "https:/\\shop.example/",
    "\thttps://shop.example/",
    " https://shop.example/",
    "https://shop.example/\t",
    "https://shop.example\t.evil.example/",
    "https://shop.example /",
    "https://evil.example/https://shop.example/",
    "https://evil.example/#https://shop.example/",
    "https://evil.example?https://shop.example/",
    "https://evil.example#@shop.example/",
    "https://shop.example:443@evil.example/",
    "https://shop.example%00.evil.example/",
    "https://shop.example%2eevil.example/",
    "https://shop.example.",
    "https://.shop.example/",
    "https://sh\u00f6p.example/",
    "https://shop\u3002example/",
    "https://\uff53hop.example/",
    "https://shop.example/\u2028",
    "https://shop.example/\x00",
    "https://shop.example/\x7f",
    "https://shop.example:0/",
    "https://shop.example:99999/",
    "https://shop.example:-1/",
    "https://dev.example:443/",
    "http://dev.example:8443:80/",
    "data:text/html,https://shop.example/",
    "vbscript:https://shop.example/",
    "file://shop.example/etc/passwd",
    "ftp://shop.example/",
    "blob:https://shop.example/",
    "view-source:https://shop.example/",
    "about:blank",
    "https://",
    "https:",
    "x",
    "https://shop.example/" + "x" * 2000,
]


@pytest.mark.parametrize(
    "address",
    [
        "https://a/",
        "https://a/?",
        "https://a/?x=1&y",
        "https://a/b?x=1#f",
        "https://a/?&",
        "https://a/?fairgate_ticke=1",
    ],
)
def test_a_ticket_leaves_no_trace_in_an_address(address: str) -> None:
    assert without_ticket(address) == address
    assert without_ticket(with_ticket(address, "t1.a.b")) == address


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


@pytest.mark.parametrize("address", ELSEWHERE)
def test_any_other_address_is_dropped(address: str) -> None:
    assert allowed(address, RoomSettings(name="Shop", **SHOP)) == ""


async def test_nobody_is_sent_elsewhere(web: Web) -> None:
    await web.room(**SHOP, gate_mode="queue_all")
    place, _ = await web.inside("hall")
    inside = pass_cookie(
        await web.get(GATE, headers=gate_headers(await handed_over(web, place, "https://shop.example/")))
    )
    for address in (it for it in ELSEWHERE if it and it.isprintable() and it.isascii()):
        for request_headers in (
            {"X-Original-URL": with_ticket(address, "t1.a.b")},
            {"X-Original-URL": address},
        ):
            for headers in ({**HTML, **request_headers}, {**HTML, **request_headers, **inside}):
                answer = await web.get(GATE, headers=headers)
                goal = urlsplit(answer.headers.get("location", "http://fairgate.test/rooms/hall"))
                assert (goal.netloc, goal.path, goal.query) == ("fairgate.test", "/rooms/hall", ""), address
        page = await web.get("/rooms/hall/go", params={"return_to": address})
        assert page.headers["location"] == "/rooms/hall"
