"""A place moves between browsers by a single-use code; the sender keeps no hold over the new browser."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import httpx

from app.core.model import RoomId, VisitorId
from app.core.tokens.handover import CARRY_TTL_S
from tests.routes.conftest import Web, code
from tests.support.waiting import wait_until

OURS = {"Origin": "http://fairgate.test"}
CARRY = "/rooms/gala/carry"


@dataclass
class Browser:
    """One person's browser, with its cookies."""

    web: Web
    cookies: httpx.Cookies

    async def send(self, method: str, path: str, **options: object) -> httpx.Response:
        """Send a request with the cookies kept so far, and keep those of the response."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.web.send(method, path, headers={**OURS, "Cookie": cookie}, **options)
        self.cookies.update(answer.cookies)
        return answer

    async def link(self) -> str:
        """The code on its page."""
        page = (await self.send("GET", CARRY)).text
        found = re.search(r'value="([^"]+#c1[^"]+)"', page)
        return found[1] if found else ""

    async def take(self, link: str, **more: str) -> httpx.Response:
        """Press the button."""
        return await self.send("POST", CARRY, data={"place": link, **more})

    async def place(self) -> dict[str, object]:
        """What its token says about its place."""
        found: dict[str, object] = (await self.send("GET", "/v1/rooms/gala/places/me")).json()
        return found


async def browsers(web: Web, *joined: bool) -> list[Browser]:
    """Several browsers, some of which have joined, in a room where everybody waits."""
    await web.event()
    await web.post("/v1/rooms/gala/pause", headers=web.as_("operator"))
    found = [Browser(web, httpx.Cookies()) for _ in joined]
    for it, joins in zip(found, joined, strict=True):
        await it.send("GET", "/rooms/gala")
        if joins:
            assert (await it.send("POST", "/rooms/gala/join")).status_code == 303
    return found


async def test_the_place_goes_over_and_its_old_token_is_void(web: Web) -> None:
    ann, bob = await browsers(web, True, False)
    link, number = await ann.link(), (await ann.place())["queue_number"]
    mine = (await ann.place())["visitor_id"]
    assert (await bob.take(link)).status_code == 303
    theirs = await bob.place()
    assert (theirs["queue_number"], theirs["state"]) == (number, "waiting")
    assert theirs["visitor_id"] != mine  # so ann can neither see nor cancel what bob reserves
    assert (await ann.place())["state"] == "left"
    assert await web.app.stores.redis.zcard("{gala}:waiting") == 1
    assert (await ann.link()) == ""  # nothing left to give
    assert (await bob.take(link)).status_code == 303  # sent again: it is already theirs


async def test_a_code_is_good_once_and_for_minutes_in_its_room(web: Web) -> None:
    ann, bob, eve = await browsers(web, True, False, False)
    link = await ann.link()
    await bob.take(link)
    again = await eve.take(link)
    assert again.status_code == 422
    assert "it has been used" in again.text
    bobs = await bob.place()
    visitor_id = VisitorId(str(bobs["visitor_id"]))
    signer, now_s = web.app.handover, int(time.time())
    other, old = [
        signer.sign_code(RoomId(room_id), visitor_id, at_s)
        for room_id, at_s in (("hall", now_s), ("gala", now_s - CARRY_TTL_S))
    ]
    good = signer.sign_code(RoomId("gala"), visitor_id, now_s)
    token = bob.cookies["fairgate_place_gala"]
    for text in (other, old, good[:-1], good[2:], token, "", "#", "x" * 3000, "c1.é.é"):
        assert (await eve.take(text)).status_code == 422, text
    assert (await bob.place())["queue_number"] == bobs["queue_number"]
    assert code(await eve.send("GET", "/v1/rooms/gala/places/me")) == (404, "place_not_found")


async def test_a_place_is_replaced_only_after_a_warning(web: Web) -> None:
    ann, bob = await browsers(web, True, True)
    first, second = [(await it.place())["queue_number"] for it in (ann, bob)]
    link = await bob.link()
    warned = await ann.take(link)
    assert warned.status_code == 422
    assert "already has a place" in warned.text
    assert [(await it.place())["queue_number"] for it in (ann, bob)] == [first, second]
    assert (await ann.take(link, replace="yes")).status_code == 303
    assert (await ann.place())["queue_number"] == second
    assert (await bob.place())["state"] == "left"
    assert await web.app.stores.redis.zcard("{gala}:waiting") == 1


async def test_a_browser_without_a_cookie_is_given_one_first(web: Web) -> None:
    (ann,) = await browsers(web, True)
    link, eve = await ann.link(), Browser(web, httpx.Cookies())
    answer = await eve.take(link)
    assert answer.status_code == 307
    assert (await ann.place())["state"] == "waiting"
    assert (await eve.send("POST", answer.headers["location"], data={"place": link})).status_code == 303
    assert (await eve.place())["state"] == "waiting"


async def test_who_is_inside_stays_and_so_does_who_has_tickets(web: Web, worker: object) -> None:
    ann, bob = await browsers(web, True, False)
    link = await ann.link()
    mine = VisitorId(str((await ann.place())["visitor_id"]))
    await web.app.stores.redis.hset("{gala}:allowance", mine, "2")
    assert (await bob.take(link)).status_code == 422
    await web.app.stores.redis.hdel("{gala}:allowance", mine)
    await web.post("/v1/rooms/gala/resume", headers=web.as_("operator"))
    place = {"Cookie": f"fairgate_place_gala={ann.cookies['fairgate_place_gala']}"}

    async def inside() -> bool:
        claimed = await web.post("/v1/rooms/gala/places/me/booking-token", headers=place)
        return claimed.status_code in (200, 201)

    await wait_until(inside, "the turn")
    refused = await bob.take(link)
    assert refused.status_code == 422
    assert "once somebody is inside" in refused.text
    assert (await ann.place())["state"] == "active"
