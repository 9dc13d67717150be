"""The preview states what the gate would do with a request, and why; it changes nothing."""

from __future__ import annotations

import time
from typing import Any

import httpx

from app.core.model import RoomId
from app.core.tokens.handover import Ticket, with_ticket
from app.core.tokens.place_tokens import new_visitor_id
from app.store.connections import Stores
from tests.routes.at_gate import GATE, HTML, SHOP, pass_cookie
from tests.routes.conftest import Web, code, field_of
from tests.security.test_origins import everything

PREVIEW = "/v1/rooms/hall/gate-preview"
PAGE = "https://shop.example/cart?item=7"
RULES = [
    {"path_prefix": "/health"},
    {"method": "POST", "path_prefix": "/pay", "cidr": "198.51.100.0/24"},
    {"header": "X-Monitor", "value": "yes"},
    {"cookie": "staff"},
]
APP = {"Accept": "application/json"}
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
Table = list[tuple[dict[str, Any], str, str]]


async def preview_of(web: Web, **described: Any) -> dict[str, Any]:
    answer = await web.post(PREVIEW, {"url": PAGE, **described}, headers=web.as_("operator"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def at_the_gate(web: Web, **described: Any) -> httpx.Response:
    """The same request, as a proxy sends it to the gate."""
    headers = {
        "X-Original-URL": described.get("url", PAGE),
        "X-Original-Method": described.get("method", "GET"),
        **HTML,
        **described.get("headers", {}),
    }
    if client := described.get("client"):
        headers["X-Forwarded-For"] = client
    return await web.get(GATE, headers=headers)


async def held_together(web: Web, table: Table) -> None:
    """Compare both: the preview changes nothing, then the gate does what the preview stated."""
    for described, outcome, rule in table:
        preview = await preview_of(web, **described)
        assert (preview["outcome"], preview["decided_by"]) == (outcome, rule), described
        assert preview["steps"][-1]["rule"] == rule
        answer = await at_the_gate(web, **described)
        assert answer.status_code == preview["status"], (described, preview)
        number = preview["bypass_number"]
        bypass = {"gate_mode": "gate_mode=off", "bypass": f"rule={number}"}.get(rule)
        assert answer.headers.get("X-Fairgate-Bypass") == bypass, described
        assert ("set-cookie" in answer.headers) is (outcome == "gets_pass"), described


def ticket(web: Web, visitor_id: str, number: int, **changes: Any) -> str:
    """The address to which a visitor returns with a ticket."""
    now_s = int(time.time())
    claims: dict[str, Any] = {"host": "shop.example", "exp": now_s + 60, "began": now_s, "room_id": "hall"}
    claims |= {"ticket_id": new_visitor_id(), "visitor_id": visitor_id, "queue_number": number} | changes
    made = Ticket(*(claims[name] for name in Ticket.__struct_fields__))
    return with_ticket(PAGE, web.app.handover.sign(made))


async def test_the_gate_does_what_its_preview_says(web: Web, stores: Stores) -> None:
    await web.room(**SHOP, bypass=RULES, admission_rate_per_minute=600_000, session_renews=True)
    inside = pass_cookie(await at_the_gate(web))
    forged = {"Cookie": "fairgate_pass_hall=forged"}
    place, _ = await web.inside("hall")
    found = (await web.get("/v1/rooms/hall/places/me", headers=place)).json()
    mine = found["visitor_id"], found["queue_number"]
    before = await everything(stores)
    for described in (
        {},
        {"headers": inside},
        {"url": ticket(web, *mine)},
    ):
        await preview_of(web, **described)
    assert await everything(stores) == before
    await held_together(
        web,
        [
            ({}, "gets_pass", "crowd"),
            ({"method": "POST", "headers": APP}, "gets_pass", "crowd"),
            ({"headers": forged}, "gets_pass", "crowd"),
            ({"headers": inside}, "passes", "pass"),
            ({"url": "https://shop.example/healthz"}, "passes", "bypass"),
            ({"url": "https://shop.example//healthz"}, "gets_pass", "crowd"),
            ({"url": "https://shop.example/pay", "method": "POST", "headers": APP}, "gets_pass", "crowd"),
            ({"headers": {"x-monitor": "yes"}}, "passes", "bypass"),
            ({"headers": {"Cookie": "a=b; staff=1"}}, "passes", "bypass"),
            ({"method": "POST", "headers": FOREIGN}, "refused", "origin"),
            ({"url": ticket(web, *mine)}, "gets_pass", "ticket"),
            ({"url": ticket(web, *mine, exp=1)}, "gets_pass", "crowd"),
            ({"url": ticket(web, mine[0], 1, host="other.example")}, "gets_pass", "crowd"),
        ],
    )


async def test_it_does_so_in_a_crowd_too(web: Web) -> None:
    await web.room(**SHOP, bypass=RULES, admission_rate_per_minute=600_000)
    inside = pass_cookie(await at_the_gate(web))
    forged = {"Cookie": "fairgate_pass_hall=forged"}
    place, _ = await web.inside("hall")
    waiting: Table = [
        ({}, "queues", "crowd"),
        ({"headers": APP}, "queues", "crowd"),
        ({"headers": forged}, "queues", "crowd"),
        ({"headers": inside}, "passes", "pass"),
        ({"headers": {"Authorization": place["Authorization"]}}, "queues", "turn"),
        ({"url": "https://shop.example/healthz"}, "passes", "bypass"),
    ]
    for settings in ({"gate_mode": "queue_all"}, {"gate_mode": "auto", "admission_rate_per_minute": 0}):
        await change_room(web, **settings)
        await held_together(web, waiting)
    await change_room(web, gate_mode="off")
    await held_together(web, [({}, "passes", "gate_mode"), ({"headers": forged}, "passes", "gate_mode")])


async def change_room(web: Web, **settings: Any) -> None:
    """Change the room, for this process, too: the gate's view of it is up to a second old."""
    answer = await web.send("PATCH", "/v1/rooms/hall", json=settings, headers=web.as_("operator"))
    assert answer.status_code == 200, answer.text
    await web.app.status_board.read(RoomId("hall"))


async def test_it_says_why(web: Web) -> None:
    await web.room(**SHOP, bypass=RULES, active_visitors_max=1)
    called = {"url": "https://shop.example/pay", "method": "POST", "client": "198.51.100.9"}
    paid = await preview_of(web, **called)
    assert (paid["bypass_number"], paid["bypass_rule"]["cidr"]) == (2, "198.51.100.0/24")
    odd = await preview_of(web, url="https://shop.example/a/../health")
    assert "servers read this path in different ways" in odd["steps"][1]["says"]
    await at_the_gate(web)
    full = await preview_of(web)
    assert full["steps"][-1]["says"] == "1 visitor is inside: that is the maximum. Newcomers queue."
    await web.join("hall")
    assert (await preview_of(web))["steps"][-1]["says"] == "1 visitor is waiting. Newcomers queue."
    await web.post("/v1/rooms/hall/close", headers=web.as_("operator"))
    assert (await preview_of(web))["steps"][-1]["says"] == "The room is closed. Newcomers queue."


async def test_what_is_no_request_is_refused(web: Web) -> None:
    await web.room(**SHOP)
    for field, described in (
        ("url", {"url": "/cart"}),
        ("url", {"url": "javascript:alert(1)"}),
        ("url", {"url": "https://shop.example/ x"}),
        ("url", {"url": "https://shop.example/\r\nX-A: b"}),
        ("url", {"url": "https://shop.example/" + "x" * 2000}),
        ("method", {"method": "get"}),
        ("client", {"client": "somewhere"}),
        ("headers", {"headers": {"X-A": "b\r\nX-B: c"}}),
        ("headers", {"headers": {"X A": "b"}}),
        ("headers", {"headers": {f"X-{i}": "" for i in range(51)}}),
        ("headers", {"headers": {"X-A": "b" * 5000}}),
    ):
        answer = await web.post(PREVIEW, {"url": PAGE, **described}, headers=web.as_("operator"))
        assert field_of(answer).startswith(field), described


async def test_it_is_for_staff(web: Web) -> None:
    await web.room(**SHOP)
    assert (await web.post(PREVIEW, {"url": PAGE})).status_code == 401
    assert code(await web.post(PREVIEW, {"url": PAGE}, headers=web.as_("user"))) == (403, "role_required")
