"""A room for members: only visitors with a proof of the organiser's login join, and each has one place."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import jwt

from app.core.model import RoomId, VisitorId
from app.core.waiting_room.members import is_member
from tests.routes.conftest import Web, bearer, code
from tests.routes.test_console_pages import actions, fetch, nonce, submit
from tests.security.test_carry import Browser
from tests.support.tampering import tampered

SECRET = "of the shop's login, and long enough"
PAGE, PLACES = "/admin/rooms/gala/entry", "/v1/rooms/gala/places"


def proof(sub: str = "ann", **more: Any) -> str:
    return jwt.encode({"sub": sub, "exp": int(time.time()) + 300, **more}, SECRET, algorithm="HS256")


async def a_presale(web: Web, **settings: Any) -> None:
    """A sale for members, in which everybody waits."""
    await web.event(room={"members_only": True, **settings})
    await web.post("/v1/rooms/gala/pause", headers=web.as_("operator"))
    login = {"algorithm": "HS256", "key": SECRET}
    answer = await web.send("PUT", "/v1/rooms/gala/member-login", json=login, headers=web.as_("operator"))
    assert answer.json() == {"algorithm": "HS256", "audience": "", "key": None, "secret": None}


async def test_a_member_has_one_place_and_nobody_else_any(web: Web) -> None:
    await a_presale(web)
    assert code(await web.post(PLACES, {})) == (403, "members_only")
    assert (await web.get("/v1/rooms/gala")).json()["members_only"] is True
    for bad in (proof(room="ball"), proof(exp=1), tampered(proof())):
        assert code(await web.post(PLACES, {"proof": bad})) == (403, "proof_refused")
    first = await web.join("gala", json={"proof": proof()})
    bob = await web.join("gala", json={"proof": proof("bob")})
    assert (first["queue_number"], bob["queue_number"]) == (1, 2)
    mine = bearer(first["place_token"])
    again = await web.post(PLACES, {"proof": proof()}, headers=mine)
    assert again.json()["visitor_id"] == first["visitor_id"]
    # If the proof is passed on or used on another device, the place moves with it; there is no second one.
    second = await web.join("gala", json={"proof": proof()})
    assert (second["queue_number"], second["visitor_id"] != first["visitor_id"]) == (1, True)
    assert (await web.get(f"{PLACES}/me", headers=mine)).json()["state"] == "left"
    assert code(await web.post(PLACES, {}, headers=mine)) == (403, "members_only")
    assert await web.app.stores.redis.zcard("{gala}:waiting") == 2
    # Our own accounts do not count as members, nor do visitors of the AWS-compatible API or of an app.
    assert code(await web.post(PLACES, {}, headers=web.as_("user"))) == (403, "members_only")
    assert (await web.get("/rooms/gala", headers={"accept": "application/json"})).status_code == 200
    assert await web.app.stores.redis.zcard("{gala}:waiting") == 2


async def test_who_is_inside_or_has_tickets_stays_with_that_device(web: Web, worker: object) -> None:
    await web.event(room={"members_only": True})
    login = {"algorithm": "HS256", "key": SECRET}
    await web.send("PUT", "/v1/rooms/gala/member-login", json=login, headers=web.as_("operator"))
    place, booking = await web.inside("gala", json={"proof": proof()})
    assert code(await web.post(PLACES, {"proof": proof()})) == (409, "member_elsewhere")
    assert (await web.reserve("gala", booking)).status_code == 201
    await web.send("DELETE", f"{PLACES}/me", headers=place)
    assert code(await web.post(PLACES, {"proof": proof()})) == (409, "member_elsewhere")
    removed = await web.join("gala", json={"proof": proof("eve")})
    path = f"/v1/rooms/gala/visitors/{removed['visitor_id']}"
    assert (await web.send("DELETE", path, headers=web.as_("operator"))).status_code == 204
    assert code(await web.post(PLACES, {"proof": proof("eve")})) == (409, "member_elsewhere")


async def test_the_link_makes_a_browser_the_members_by_its_button_alone(web: Web) -> None:
    await a_presale(web)
    ann, phone = Browser(web, httpx.Cookies()), Browser(web, httpx.Cookies())
    outside = (await ann.send("GET", "/rooms/gala")).text
    assert 'data-shown="members"' in outside
    joining = await ann.send("POST", "/rooms/gala/join")
    assert joining.headers["location"] == "/rooms/gala/member"
    assert "For members only" in (await ann.send("GET", "/rooms/gala/member")).text
    link = f"/rooms/gala/member?proof={proof()}"
    for browser in (ann, phone):
        await browser.send("GET", "/rooms/gala")
        page = await browser.send("GET", link)
        assert "content-encoding" not in page.headers
        given = re.search(r'name="proof" value="([^"]+)"', page.text)
        assert given is not None
        assert await web.app.stores.postgres.fetchval("SELECT count(*) FROM members") == (browser is phone)
        came = await browser.send("POST", "/rooms/gala/member", data={"proof": given[1]})
        assert came.headers["location"] == "/rooms/gala"
        assert 'data-shown="members"' not in (await browser.send("GET", "/rooms/gala")).text
        assert (await browser.send("POST", "/rooms/gala/join")).headers["location"] == "/rooms/gala"
        assert (await browser.place())["queue_number"] == 1
        assert await web.app.stores.redis.zcard("{gala}:waiting") == 1
    assert await phone.link() == ""  # members cannot give their place away
    visitor = VisitorId(str((await phone.place())["visitor_id"]))
    assert is_member(visitor)
    stolen = web.app.handover.sign_code(RoomId("gala"), visitor, int(time.time()))
    other = Browser(web, httpx.Cookies())
    await other.send("GET", "/rooms/gala")
    refused = await other.take(stolen)
    assert (refused.status_code, "given to anybody else" in refused.text) == (422, True)
    wrong = await other.send("GET", f"/rooms/gala/member?proof={proof(exp=1)}")
    assert (wrong.status_code, "does not work any more" in wrong.text) == (403, True)
    assert (await other.send("POST", "/rooms/gala/member", data={"proof": "x"})).status_code == 403


async def test_staff_set_who_may_join_in_the_console(web: Web) -> None:
    await web.event()
    staff = await web.staff("operator", "ann")
    assert "Everybody may join." in await fetch(web, PAGE, staff)
    wrong = await submit(web, f"{PAGE}/rule", staff, who="members", members_until="soon")
    assert (wrong.status_code, 'value="soon"' in wrong.text) == (422, True)
    form = {"who": "members", "members_until": "2029-12-24T18:00"}
    assert (await submit(web, f"{PAGE}/rule", staff, **form)).status_code == 303
    page = await fetch(web, PAGE, staff)
    assert 'value="2029-12-24T18:00"' in page
    assert "only members may join" in page
    weak = {"algorithm": "HS256", "key": "short", "form": await nonce(web, PAGE, staff)}
    assert (await submit(web, f"{PAGE}/login", staff, **weak)).status_code == 422
    made = await submit(web, f"{PAGE}/login", staff, algorithm="HS256", form=await nonce(web, PAGE, staff))
    found = re.search(r'class="code" readonly value="([\w-]{43})" aria-label="The secret"', made.text)
    assert found is not None
    assert found[1] not in await fetch(web, PAGE, staff)
    stored = await web.app.stores.postgres.fetchval("SELECT sealed FROM member_logins")
    assert found[1].encode() not in stored
    text = jwt.encode({"sub": "ann", "exp": int(time.time()) + 60}, found[1], algorithm="HS256")
    assert (await web.post(PLACES, {"proof": text})).status_code == 201
    assert (await submit(web, f"{PAGE}/login/remove", staff)).status_code == 303
    assert (await submit(web, f"{PAGE}/rule", staff, who="all")).status_code == 303
    assert await actions(web, "member_login") == ["delete", "create"]
    assert found[1] not in (await web.get("/v1/audit", headers=web.as_("admin"))).text


async def test_a_process_that_does_not_know_yet_lets_nobody_in(web: Web) -> None:
    await web.event()
    await web.join("gala")  # so that the process knows the room
    known = web.app.queues.loaded_rooms.last_read(RoomId("gala"))
    await web.app.stores.redis.hset("{gala}:conf", "members_until_ms", "9000000000000000")
    assert known is not None
    assert not known.settings.members_only
    assert code(await web.post(PLACES, {})) == (403, "members_only")


async def test_an_enqueue_token_puts_a_visitor_into_a_lane_and_nothing_else_does(web: Web) -> None:
    lanes = [{"name": "Members", "share": 30}, {"name": "Wheelchair users", "share": 10}]
    await a_presale(web, members_only=False, lanes=lanes)
    nobody = await web.join("gala")
    ann = await web.join("gala", json={"proof": proof(lane="Members")})
    assert (nobody["lane"], ann["lane"], ann["queue_number"], ann["queue_position"]) == (0, 1, 2, 1)
    for bad in (proof(lane="Press"), proof(lane=1), proof(lane="members"), tampered(proof(lane="Members"))):
        assert code(await web.post(PLACES, {"proof": bad})) == (403, "proof_refused")
    assert (await web.join("gala", json={"proof": proof("bob")}))["lane"] == 0
    document = (await web.get("/v1/rooms/gala")).json()
    assert document["lanes"] == [
        {"name": "", "share": 60, "serving_position": 0, "waiting": 2},
        {"name": "Members", "share": 30, "serving_position": 0, "waiting": 1},
        {"name": "Wheelchair users", "share": 10, "serving_position": 0, "waiting": 0},
    ]
    # On another device the place moves along, in its lane; the first device cannot join again as well.
    phone = await web.join("gala", json={"proof": proof(lane="Members")})
    assert (phone["lane"], phone["queue_number"]) == (1, 2)
    assert code(await web.post(PLACES, {}, headers=bearer(ann["place_token"]))) == (403, "members_only")
    # A token for another lane moves the place there; a visitor who waited without one keeps their number.
    moved = await web.join("gala", json={"proof": proof(lane="Wheelchair users")})
    assert (moved["lane"], moved["queue_number"], moved["queue_position"]) == (2, 2, 1)
    waited = bearer(nobody["place_token"])
    joined = await web.post(PLACES, {"proof": proof("eve", lane="Members")}, headers=waited)
    assert (joined.json()["lane"], joined.json()["queue_number"]) == (1, 1)
    assert (await web.get(f"{PLACES}/me", headers=waited)).json()["state"] == "left"


async def test_lanes_are_kept_while_anybody_may_wait_in_them(web: Web) -> None:
    staff, room = web.as_("operator"), "/v1/rooms/gala"
    first, second = {"name": "Members", "share": 30}, {"name": "Friends", "share": 20}
    await a_presale(web, members_only=False, lanes=[first, second])
    assert (await web.get("/v1/rooms/gala")).json()["lanes"][0]["share"] == 50
    for wrong, field in (
        ([first], "lanes"),
        ([second, first], "lanes"),
        ([first, second, second], "lanes"),
        ([first, {"name": "Friends", "share": 70}], "lanes"),
        ([first, {"name": " Friends", "share": 7}], "lanes"),
        ([first, {"name": "Friends", "share": 0}], "lanes[1].share"),
    ):
        answer = await web.send("PATCH", room, json={"lanes": wrong}, headers=staff)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), wrong
    third = {"name": "Press", "share": 1}
    changed = [{"name": "Fan club", "share": 40}, second, third]
    assert (await web.send("PATCH", room, json={"lanes": changed}, headers=staff)).status_code == 200
    lanes = (await web.get("/v1/rooms/gala")).json()["lanes"]
    assert [(it["name"], it["share"]) for it in lanes] == [
        ("", 39),
        ("Fan club", 40),
        ("Friends", 20),
        ("Press", 1),
    ]


async def test_staff_set_lanes_in_the_console_and_see_who_waits_in_them(web: Web) -> None:
    await a_presale(web, members_only=False)
    staff, cockpit = await web.staff("operator", "ann"), "/admin/rooms/gala"
    assert "Waiting by lane" not in await fetch(web, cockpit, staff)
    form = {"name_1": "Members", "share_1": "30", "name_2": "", "share_2": ""}
    for wrong in (
        {"share_1": "x"},
        {"share_1": "100"},
        {"name_2": "Members", "share_2": "5"},
        {"name_1": ""},
    ):
        refused = await submit(web, f"{PAGE}/lanes", staff, **{**form, **wrong})
        assert (refused.status_code, 'role="alert"' in refused.text) == (422, True), wrong
    assert (await submit(web, f"{PAGE}/lanes", staff, **form)).status_code == 303
    page = await fetch(web, PAGE, staff)
    assert 'name="share_1" type="number" min="1" max="99" inputmode="numeric" value="30"' in page
    assert "shares the rest: 70 percent" in page
    await web.join("gala", json={"proof": proof(lane="Members")})
    found = await fetch(web, cockpit, staff)
    assert re.search(r'<dt>Members</dt><dd data-figure="lane_1">1</dd><dd class="note"[^>]*>30 % of', found)
    assert re.search(r'<dt>Everybody else</dt><dd data-figure="lane_0">0</dd>', found)
    newest = (await web.get("/v1/audit", headers=web.as_("admin"))).json()["items"][0]
    assert (newest["action"], "Members" in str(newest["after"]["lanes"])) == ("change", True)


async def test_the_queue_page_says_which_lane_a_fan_is_in(web: Web) -> None:
    await a_presale(web, members_only=False, lanes=[{"name": "<Members>", "share": 30}])
    ann, bob = Browser(web, httpx.Cookies()), Browser(web, httpx.Cookies())
    for browser in (ann, bob):
        await browser.send("GET", "/rooms/gala")
    given = await ann.send("GET", f"/rooms/gala/member?proof={proof(lane='<Members>')}")
    text = re.search(r'name="proof" value="([^"]+)"', given.text)
    assert text is not None
    assert (await ann.send("POST", "/rooms/gala/member", data={"proof": text[1]})).status_code == 303
    for browser, lane, share in ((ann, "&lt;Members&gt;", 30), (bob, "General queue", 70)):
        await browser.send("POST", "/rooms/gala/join")
        page = (await browser.send("GET", "/rooms/gala")).text
        assert f"Your lane: <strong>{lane}</strong>" in page
        assert f"It gets {share} of 100 turns" in page
        assert (await browser.place())["queue_position"] == 1
