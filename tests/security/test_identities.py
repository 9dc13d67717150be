"""Rooms whose newcomers confirm an e-mail address before they join: one place per mailbox."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, bearer, code, field_of, served
from tests.security.test_carry import Browser
from tests.security.test_suspects import PLACES, SLOWER

IDENTITY, EMAIL = "/v1/rooms/gala/identity", f"{PLACES}/me/email"
LANE = {"lanes": [SLOWER], "suspects_lane": "Slower"}


@pytest.fixture
async def web(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """The app with its limits, which distinguish between addresses."""
    async with served(
        settings.model_copy(update={"rate_limits": True, "trusted_proxies": ["127.0.0.1"]})
    ) as found:
        yield found


async def a_sale(web: Web, **settings: Any) -> None:
    await web.event(room={"identity": "email", **settings})
    await web.post("/v1/rooms/gala/pause", headers=web.as_("operator"))


async def code_for(web: Web, email: str) -> str:
    """The digits in the latest mail to this address."""
    found: str = await web.app.stores.postgres.fetchval(
        "SELECT confirm_code FROM mails JOIN mailboxes ON confirm_token = subject_id WHERE recipient = $1 "
        "ORDER BY mails.created_at DESC LIMIT 1",
        email,
    )
    return found


async def confirm_email(web: Web, email: str) -> dict[str, str]:
    """The header of a visitor who has confirmed this address but has not joined."""
    document = (await web.post(IDENTITY, {"email": email})).json()
    mine = bearer(document["place_token"])
    answer = await web.post(f"{EMAIL}/confirm", {"code": await code_for(web, email)}, headers=mine)
    assert answer.status_code == 204, answer.text
    return mine


async def waiting(web: Web) -> int:
    found: int = await web.app.stores.redis.zcard("{gala}:waiting")
    return found


async def test_newcomers_join_with_a_confirmed_address_and_nobody_else_does(web: Web) -> None:
    await a_sale(web)
    refused = await web.post(PLACES, {"slower_lane": True})
    assert (code(refused), refused.json()["needed"]) == ((403, "identity_needed"), "email")
    assert code(await web.post(PLACES, {}, headers=web.as_("user"))) == (403, "identity_needed")
    answer = await web.post(IDENTITY, {"email": "Ann@Example.org"})
    document, mine = answer.json(), bearer(answer.json()["place_token"])
    assert (answer.status_code, document["asked"], document["confirmed"]) == (202, True, False)
    assert code(await web.post(PLACES, {}, headers=mine)) == (403, "identity_needed")
    digits = await code_for(web, "Ann@example.org")
    wrong = f"{(int(digits) + 1) % 10**6:06}"
    assert field_of(await web.post(f"{EMAIL}/confirm", {"code": wrong}, headers=mine)) == "code"
    assert (await web.post(f"{EMAIL}/confirm", {"code": digits}, headers=mine)).status_code == 204
    joined = await web.post(PLACES, {}, headers=mine)
    assert (joined.status_code, joined.json()["queue_number"]) == (201, 1)
    # Visitors with a place are not asked again, and after leaving they may join again with the same mailbox.
    mine = bearer(joined.json()["place_token"])
    assert (await web.post(PLACES, {}, headers=mine)).status_code == 200
    assert (await web.send("DELETE", f"{PLACES}/me", headers=mine)).status_code == 204
    assert (await web.post(PLACES, {}, headers=mine)).json()["queue_number"] == 2
    gate = await web.get("/v1/rooms/gala/gate", headers={"Accept": "text/html"})
    assert gate.status_code != 204


async def test_a_mailbox_has_one_place_however_it_is_spelled_and_wherever_it_comes_from(web: Web) -> None:
    await a_sale(web)
    first = await confirm_email(web, "ann.lee@gmail.com")
    token = (await web.post(PLACES, {}, headers=first)).json()["place_token"]
    second = await confirm_email(web, "annlee+2@googlemail.com")
    moved = await web.post(PLACES, {}, headers=second)
    assert (moved.json()["queue_number"], await waiting(web)) == (1, 1)
    # The previous browser has lost the place, whatever it presents.
    for before in (first, bearer(token)):
        assert code(await web.post(PLACES, {}, headers=before)) == (403, "identity_needed")
    assert await waiting(web) == 1
    # Domains that do not treat both spellings as one have two mailboxes.
    for email in ("ann.lee@example.org", "annlee@example.org"):
        assert (await web.post(PLACES, {}, headers=await confirm_email(web, email))).status_code == 201
    assert await waiting(web) == 3


async def test_whoever_is_inside_stays_there(web: Web, worker: object) -> None:
    await web.event(room={"identity": "email"})
    inside = await confirm_email(web, "ann@example.org")
    place = bearer((await web.post(PLACES, {}, headers=inside)).json()["place_token"])
    assert (await web.post(f"{PLACES}/me/booking-token", headers=place)).status_code == 201
    headers = bearer((await web.post(IDENTITY, {"email": "ann@example.org"})).json()["place_token"])
    answer = await web.post(
        f"{EMAIL}/confirm", {"code": await code_for(web, "ann@example.org")}, headers=headers
    )
    assert code(answer) == (409, "member_elsewhere")
    assert code(await web.post(PLACES, {}, headers=headers)) == (403, "identity_needed")


async def test_a_suspect_takes_their_place_along_and_stays_one(web: Web) -> None:
    await a_sale(web, newcomers_per_address=1, **LANE)
    ann, bob = await confirm_email(web, "ann@example.org"), await confirm_email(web, "bob@example.org")
    assert (await web.post(PLACES, {}, headers=ann)).json()["lane"] == 0
    assert (await web.post(PLACES, {}, headers=bob)).json()["lane"] == 1
    again = await confirm_email(web, "bob@example.org")
    place = (await web.post(PLACES, {}, headers=again)).json()
    assert (place["queue_number"], place["lane"], await waiting(web)) == (2, 1, 2)
    # Without an address they may choose to wait in that lane, and staff see the reason.
    assert code(await web.post(PLACES, {})) == (403, "identity_needed")
    eve = await web.post(PLACES, {"slower_lane": True})
    assert (eve.status_code, eve.json()["lane"]) == (201, 1)
    page = (await web.get("/admin/rooms/gala", headers=await web.staff("operator"))).text
    assert "not shown who they are: 1" in page


async def test_a_place_goes_by_a_link_as_well_and_its_mailbox_with_it(web: Web) -> None:
    await a_sale(web)
    ann, bob = Browser(web, httpx.Cookies()), Browser(web, httpx.Cookies())
    for it in (ann, bob):
        await it.send("GET", "/rooms/gala")
    await ann.send("POST", "/rooms/gala/email", data={"email": "ann@example.org"})
    page = (await ann.send("GET", "/rooms/gala")).text
    assert "We sent a code to ann@example.org" in page
    await ann.send("POST", "/rooms/gala/email/code", data={"code": await code_for(web, "ann@example.org")})
    assert "is confirmed, so you can join" in (await ann.send("GET", "/rooms/gala")).text
    await ann.send("POST", "/rooms/gala/join")
    assert (await bob.take(await ann.link())).status_code == 303
    assert (await bob.place())["queue_number"] == 1
    await ann.send("POST", "/rooms/gala/join")
    page = (await ann.send("GET", "/rooms/gala")).text
    assert (await waiting(web), "data-unknown" in page, "Send me a code" in page) == (1, True, True)


async def test_the_link_of_a_mail_that_somebody_else_asked_for_takes_no_place(web: Web) -> None:
    await a_sale(web)
    ann, eve = await confirm_email(web, "ann@example.org"), Browser(web, httpx.Cookies())
    await web.post(PLACES, {}, headers=ann)
    await eve.send("GET", "/rooms/gala")
    await eve.send("POST", "/rooms/gala/email", data={"email": "ann@example.org"})
    token = await web.app.stores.postgres.fetchval(
        "SELECT confirm_token FROM mailboxes WHERE confirmed_at IS NULL"
    )
    assert "Did you ask to join the queue with ann@example.org?" in (await web.get(f"/confirm/{token}")).text
    assert (await web.send("POST", f"/confirm/{token}")).status_code == 303
    await eve.send("POST", "/rooms/gala/join")
    page = (await eve.send("GET", "/rooms/gala")).text
    assert ("has a place in another browser" in page, await waiting(web)) == (True, 1)
    assert (await web.get(f"{PLACES}/me", headers=ann)).json()["queue_number"] == 1
    # An address without a place confirms the browser that asked, wherever the mail is read.
    await eve.send("POST", "/rooms/gala/email", data={"email": "eve@example.org"})
    token = await web.app.stores.postgres.fetchval(
        "SELECT confirm_token FROM mailboxes WHERE confirmed_at IS NULL"
    )
    await web.send("POST", f"/confirm/{token}")
    await eve.send("POST", "/rooms/gala/join")
    assert (await eve.place())["queue_number"] == 2


async def test_nobody_floods_a_mailbox_and_nothing_tells_whether_it_is_known(web: Web) -> None:
    await a_sale(web)
    await confirm_email(web, "ann@example.org")
    answers = [
        (await web.post(IDENTITY, {"email": it})).json() for it in ("ann@example.org", "new@example.org")
    ]
    for document in answers:
        assert (document["asked"], document["confirmed"]) == (True, False)
    assert answers[0].keys() == answers[1].keys()
    for spelling in ("ANN@example.org", "ann+1@example.org", "ann+2@example.org"):
        await web.post(IDENTITY, {"email": spelling})
    mails = "SELECT count(*) FROM mails WHERE kind = 'confirm_address' AND lower(recipient) LIKE 'ann%'"
    assert await web.app.stores.postgres.fetchval(mails) == 3
    assert field_of(await web.post(IDENTITY, {"email": "nobody"})) == "email"
    # A first request from elsewhere still gets a mail: nobody can lock the owner out.
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    for _ in range(2):
        await web.post(IDENTITY, {"email": "ann@example.org"}, headers=elsewhere)
    assert await web.app.stores.postgres.fetchval(mails) == 4
    for number in range(120):
        answer = await web.post(IDENTITY, {"email": f"fan{number}@example.org"})
    assert code(answer) == (429, "rate_limited")
    total = await web.app.stores.postgres.fetchval(
        "SELECT count(*) FROM mails WHERE kind = 'confirm_address'"
    )
    assert total == 101


async def test_it_is_done_before_the_opening_and_asked_where_staff_say_so_alone(web: Web) -> None:
    await web.room("later", opened=False, identity="email")
    await web.room("plain")
    ann = Browser(web, httpx.Cookies())
    page = (await ann.send("GET", "/rooms/later")).text
    assert "First confirm your e-mail address" in page
    assert re.search(r'http-equiv="refresh" content="120"', page)
    await ann.send("POST", "/rooms/later/email", data={"email": "ann@example.org"})
    await ann.send("POST", "/rooms/later/email/code", data={"code": await code_for(web, "ann@example.org")})
    await web.post("/v1/rooms/later/open", headers=web.as_("operator"))
    joined = await ann.send("POST", "/v1/rooms/later/places", json={})
    assert joined.status_code == 201
    assert code(await web.post("/v1/rooms/plain/identity", {"email": "ann@example.org"})) == (409, "conflict")
    assert "confirm your e-mail" not in (await web.get("/rooms/plain")).text
    # Turned on later: existing places stay, and addresses confirmed before remain valid.
    await web.send("PATCH", "/v1/rooms/later", json={"identity": "none"}, headers=web.as_("operator"))
    assert (await web.post("/v1/rooms/later/places", {})).status_code == 201
