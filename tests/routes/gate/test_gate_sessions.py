"""Sessions at the gate: started unnoticed, renewed, ended, ended for every process, bound to a network."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import httpx
import msgspec
import pytest

from app.core.model import RoomId
from app.gate import ended_sessions
from app.settings import Settings
from app.store.connections import Stores
from app.store.keys import RoomKeys
from tests.routes.at_gate import GATE, HTML, SHOP, gate_headers, pass_cookie
from tests.routes.conftest import Web, code, served
from tests.support.waiting import wait_until

ADDRESS = "https://shop.example/a"


def sid_of(web: Web, answer: httpx.Response) -> str:
    """The session of the pass set by a response."""
    token = pass_cookie(answer)["Cookie"].partition("=")[2]
    return web.app.keyring.signer.read_pass(token, int(time.time())).sid


async def is_refused(web: Web, headers: dict[str, str]) -> bool:
    """Whether a pass is no longer valid."""
    return (await web.get(GATE, headers=headers)).status_code == 401


async def change(web: Web, **settings: Any) -> None:
    """Change the room; the gate's view of it is up to a second old."""
    answer = await web.send("PATCH", "/v1/rooms/hall", json=settings, headers=web.as_("operator"))
    assert answer.status_code == 200, answer.text


async def test_with_no_crowd_nobody_sees_us(web: Web) -> None:
    await web.room(**SHOP, active_visitors_max=2)
    for headers in (gate_headers(ADDRESS), {"X-Original-URL": ADDRESS, "X-Original-Method": "POST"}):
        answer = await web.get(GATE, headers=headers)
        assert answer.status_code == 204
        assert (await web.get(GATE, headers=pass_cookie(answer))).status_code == 204
        assert "set-cookie" not in (await web.get(GATE, headers=pass_cookie(answer))).headers
    assert (await web.get(GATE, headers=gate_headers(ADDRESS))).status_code == 302  # two are inside
    status = (await web.app.status_board.read(RoomId("hall"))).status
    assert (status.active, status.called, status.last_number) == (2, 0, 2)


async def test_any_method_and_any_path_below(stores: Stores, settings: Settings) -> None:
    async with served(settings.model_copy(update={"public_url": "http://fairgate.test"})) as web:
        await check_below(web)


async def check_below(web: Web) -> None:
    await web.room(**SHOP, gate_mode="queue_all", bypass=[{"path_prefix": "/health"}, {"method": "PUT"}])
    queue = "http://fairgate.test/rooms/hall?return_to=https%3A%2F%2Fshop.example%2F"
    envoy = {"Host": "shop.example", "X-Forwarded-Proto": "https"}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
        answer = await web.send(method, f"{GATE}/cart/7?a=1&b=%20", headers=envoy, content=b"not json")
        assert answer.status_code == (204 if method == "PUT" else 401), method
        if method != "PUT":
            assert answer.headers["x-fairgate-queue"] == f"{queue}cart%2F7%3Fa%3D1%26b%3D%2520"
    assert (await web.get(f"{GATE}/health/live", headers=envoy)).headers["x-fairgate-bypass"] == "rule=1"
    spoofed = {**envoy, "X-Original-URL": "https://shop.example/health", "X-Original-Method": "PUT"}
    assert (await web.get(f"{GATE}/cart", headers=spoofed)).status_code == 401
    assert (await web.post(GATE, headers=envoy)).status_code == 401
    assert (await web.send("OPTIONS", f"{GATE}/cart", headers=envoy)).status_code == 204
    assert code(await web.get("/v1/rooms/No_Room/gate/x")) == (404, "room_not_found")


async def test_an_end_is_known_at_once_in_every_process(web: Web, settings: Settings) -> None:
    await web.room(**SHOP)
    ways: dict[str, Any] = {}
    for way in ("leave", "remove", "end"):
        ways[way] = await web.get(GATE, headers=gate_headers(ADDRESS))
    await change(web, gate_mode="queue_all")
    async with served(settings) as other:
        for it in ways.values():
            assert (await other.get(GATE, headers=pass_cookie(it))).status_code == 204
        sids = {way: sid_of(web, it) for way, it in ways.items()}
        staff = web.as_("operator")
        visitor = sids["remove"].rpartition("-")[0]
        assert (
            await web.send("DELETE", f"/v1/rooms/hall/visitors/{visitor}", headers=staff)
        ).status_code == 204
        path = f"/v1/rooms/hall/sessions/{sids['end']}/end"
        assert [(await web.post(path, headers=staff)).status_code for _ in range(2)] == [204, 204]
        assert code(await web.post(path)) == (401, "credential_missing")
        for unknown in ("nobody-7", "x", f"{sids['end']}0"):
            answer = await web.post(f"/v1/rooms/hall/sessions/{unknown}/end", headers=staff)
            assert code(answer) == (404, "not_found")
        for way in ("remove", "end"):
            for process in (web, other):
                await wait_until(lambda p=process, w=way: is_refused(p, pass_cookie(ways[w])), f"{way} known")
        assert (await other.get(GATE, headers=pass_cookie(ways["leave"]))).status_code == 204
    async with served(settings) as late:  # it was not running when they ended
        assert await is_refused(late, pass_cookie(ways["end"]))
        assert not await is_refused(late, pass_cookie(ways["leave"]))


async def test_a_booking_token_ends_with_its_session(web: Web) -> None:
    await web.room(**SHOP, gate_mode="queue_all")
    place, booking = await web.inside("hall")
    assert (await web.get(GATE, headers=booking)).status_code == 204
    await web.send("DELETE", "/v1/rooms/hall/places/me", headers=place)
    await wait_until(lambda: is_refused(web, booking), "the end of the session")
    assert code(await web.get(GATE, headers=booking)) == (401, "booking_token_expired")


async def test_sessions_renew_by_use_up_to_their_limit(web: Web) -> None:
    await web.room(**SHOP, session_renews=True, session_ttl_s=100, session_max_s=150)
    first = await web.get(GATE, headers=gate_headers(ADDRESS))
    signer, now_s = web.app.keyring.signer, int(time.time())
    fresh = signer.read_pass(pass_cookie(first)["Cookie"].partition("=")[2], now_s)
    assert 99 <= fresh.exp - fresh.began <= 101

    async def shown(**changed: int) -> httpx.Response:
        token = signer.sign_pass(msgspec.structs.replace(fresh, **changed))
        return await web.get(GATE, headers={"Cookie": f"fairgate_pass_hall={token}"})

    assert "set-cookie" not in (await shown()).headers
    aged = await shown(iat=now_s - 60, exp=now_s + 40)
    assert aged.status_code == 204
    renewed = signer.read_pass(pass_cookie(aged)["Cookie"].partition("=")[2], now_s)
    assert (renewed.sid, renewed.began) == (fresh.sid, fresh.began)
    assert renewed.exp >= now_s + 99
    staff = web.as_("operator")
    by_hand = await web.post(f"/v1/rooms/hall/sessions/{fresh.sid}/renew", headers=staff)
    assert by_hand.json()["sid"] == fresh.sid
    long_ago = await shown(iat=now_s - 60, exp=now_s + 40, began=now_s - 140)
    limited = signer.read_pass(pass_cookie(long_ago)["Cookie"].partition("=")[2], now_s)
    assert limited.exp <= renewed.exp + 2  # no extension beyond the limit, and no reduction
    stored = await web.app.stores.postgres.fetchval("SELECT expires_at - began_at FROM sessions")
    assert 98 <= stored.total_seconds() <= 103
    assert (await web.post(f"/v1/rooms/hall/sessions/{fresh.sid}/end", headers=staff)).status_code == 204
    over = await web.post(f"/v1/rooms/hall/sessions/{fresh.sid}/renew", headers=staff)
    assert code(over) == (410, "done")
    log = (await web.get("/v1/audit?kind=session", headers=staff)).json()["items"]
    assert [entry["action"] for entry in log] == ["end", "renew"]


async def test_while_a_room_is_restored_no_session_is_taken_for_over(web: Web) -> None:
    await web.room(**SHOP, session_renews=True, session_ttl_s=100)
    first = await web.get(GATE, headers=gate_headers(ADDRESS))
    signer, now_s = web.app.keyring.signer, int(time.time())
    fresh = signer.read_pass(pass_cookie(first)["Cookie"].partition("=")[2], now_s)
    keys, redis = RoomKeys(RoomId("hall")), cast(Any, web.app.stores.redis)
    await redis.delete(keys.active, keys.turns)
    await redis.hset(keys.conf, "restoring", 1)
    token = signer.sign_pass(msgspec.structs.replace(fresh, iat=now_s - 60, exp=now_s + 40))
    aged = await web.get(GATE, headers={"Cookie": f"fairgate_pass_hall={token}"})
    assert signer.read_pass(pass_cookie(aged)["Cookie"].partition("=")[2], now_s).sid == fresh.sid
    assert not web.app.gate_rooms.store_is_away(), "other rooms are left alone"
    session, staff = f"/v1/rooms/hall/sessions/{fresh.sid}", web.as_("operator")
    for what in ("end", "renew"):
        assert code(await web.post(f"{session}/{what}", headers=staff)) == (503, "restoring")
    await redis.hset(keys.conf, "restoring", 0)
    assert (await web.post(f"{session}/end", headers=staff)).status_code == 204


async def test_so_many_rooms_are_remembered_at_most(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended_sessions, "ROOMS_MAX", 2)
    known = web.app.ended_sessions

    async def listens() -> bool:
        return known._broken > 0

    await wait_until(listens, "the subscription")
    for name in ("a", "b", "c"):
        await known.load(RoomId(name))
    assert [known.is_loaded(RoomId(name)) for name in ("a", "b", "c")] == [False, False, True]


async def test_a_pass_that_is_bound_is_good_in_its_network_alone(web: Web) -> None:
    await web.room(**SHOP, pass_ip_bound=True, active_visitors_max=1)

    async def from_(client: str, headers: dict[str, str]) -> httpx.Response:
        asgi: Any = web.quart
        transport = httpx.ASGITransport(app=asgi, client=(client, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://fairgate.test") as http:
            return await http.get(GATE, headers=headers)

    mine = pass_cookie(await from_("192.0.2.7", gate_headers(ADDRESS)))
    assert (await from_("192.0.2.200", mine)).status_code == 204
    for elsewhere in ("198.51.100.7", "2001:db8::1"):
        assert code(await from_(elsewhere, mine)) == (401, "credential_invalid")


ODD = (  # these may lead out of the folder
    *("../cart", "%2e%2e/cart", "..;/cart", ".%2E/cart", "/../cart"),
    *("%2f..%2fcart", "..%5ccart", "%252e%252e/cart", "./x", "%ff"),
)


async def test_modes_and_rules(web: Web) -> None:
    await web.room(**SHOP, gate_mode="off")
    anybody = await web.get(GATE, headers=gate_headers(ADDRESS))
    assert (anybody.status_code, anybody.headers["x-fairgate-bypass"]) == (204, "gate_mode=off")
    assert "set-cookie" not in anybody.headers
    rules = [
        {"path_prefix": "/static/"},
        {"path_regex": r"/img/.*\.(png|webp)"},
        {"cidr": "203.0.113.0/24"},
        {"header": "X-Health", "value": "secret"},
        {"cookie": "staff"},
        {"user_agent_contains": "GoodBot"},
        {"method": "OPTIONS"},
        {"method": "POST", "path_prefix": "/payments/callback"},
    ]
    await change(web, gate_mode="queue_all", bypass=rules)

    async def why(path: str = "/", **headers: str) -> str:
        answer = await web.get(GATE, headers={"X-Original-URL": f"https://shop.example{path}", **headers})
        assert answer.status_code == (204 if "x-fairgate-bypass" in answer.headers else 401)
        return str(answer.headers.get("x-fairgate-bypass", ""))

    assert [await why(it) for it in ("/static/a.css", "/img/a/b.png", "/img/a.gif", "/statica")] == [
        *("rule=1", "rule=2", "", ""),
    ]
    assert await why(**{"X-Health": "secret"}) == "rule=4"
    assert await why(**{"X-Health": "Secret"}) == ""
    assert await why(Cookie="a=b; staff=1") == "rule=5"
    assert await why(**{"User-Agent": "Mozilla goodbot/1.0"}) == "rule=6"
    assert await why(**{"X-Original-Method": "OPTIONS"}) == "rule=7"
    assert await why("/payments/callback?x=1", **{"X-Original-Method": "POST"}) == "rule=8"
    assert await why("/payments/callback") == ""
    for odd in ODD:
        assert await why(f"/static/{odd}") == "", odd
    spoofed = {"X-Forwarded-Uri": "/cart", "X-Original-Method": "GET", "X-Forwarded-Method": "OPTIONS"}
    assert await why("/static/a.css", **spoofed) == ""
    assert await why("/static/x/cart", **{"X-Forwarded-Uri": "/cart"}) == ""


async def test_rules_that_make_no_sense_are_refused_by_their_field(web: Web) -> None:
    await web.room(**SHOP)
    for rule, field in (
        ({}, "bypass[0]"),
        ({"path_regex": "("}, "bypass[0].path_regex"),
        ({"path_regex": "(?=a)b"}, "bypass[0].path_regex"),
        ({"path_regex": "((a{999}){999}){9}"}, "bypass[0].path_regex"),
        ({"path_regex": "a" * 201}, "bypass[0].path_regex"),
        ({"path_prefix": "static"}, "bypass[0].path_prefix"),
        ({"path_prefix": "/a\r\nSet-Cookie: b"}, "bypass[0].path_prefix"),
        ({"cidr": "10.0.0.0/99"}, "bypass[0].cidr"),
        ({"header": "X-A"}, "bypass[0].value"),
        ({"value": "a"}, "bypass[0].header"),
        ({"header": "X A", "value": "a"}, "bypass[0].header"),
        ({"method": "get"}, "bypass[0].method"),
        ({"nonsense": 1}, "bypass[0].nonsense"),
    ):
        answer = await web.send(
            "PATCH", "/v1/rooms/hall", json={"bypass": [rule]}, headers=web.as_("operator")
        )
        assert code(answer) == (422, "validation_failed"), rule
        assert answer.json()["errors"][0]["field"] == field
    slow = [{"path_regex": "(a+)+b"}]
    await change(web, bypass=slow, gate_mode="queue_all")
    started = time.process_time()
    await web.get(GATE, headers={"X-Original-URL": "https://shop.example/" + "a" * 1900})
    assert time.process_time() - started < 30  # exponential matching would not finish


async def test_settings_are_read_by_staff(web: Web) -> None:
    await web.room(**SHOP, gate_mode="queue_all")
    path = "/v1/rooms/hall/settings"
    assert code(await web.get(path)) == (401, "credential_missing")
    settings = (await web.get(path, headers=web.as_("operator"))).json()
    assert (settings["gate_mode"], settings["target_url"], settings["bypass"]) == (
        "queue_all",
        SHOP["target_url"],
        [],
    )
    assert code(await web.get("/v1/rooms/none/settings", headers=web.as_("operator"))) == (
        404,
        "room_not_found",
    )


async def test_many_newcomers_in_one_moment_never_pass_the_cap(web: Web) -> None:
    await web.room(**SHOP, active_visitors_max=5)
    answers = await asyncio.gather(*(web.http.get(GATE, headers=HTML) for _ in range(30)))
    assert sorted(it.status_code for it in answers).count(204) == 5
