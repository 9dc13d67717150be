"""Invitations to a room for members: mailed, valid for one place in one browser, and withdrawn with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import EmailMessage

import httpx

from tests.routes.conftest import Web, code
from tests.routes.mailing import BASE, server, settings, text_of
from tests.routes.test_console_pages import actions, fetch, submit
from tests.security.test_carry import Browser
from tests.support.mail_server import MailServer
from tests.support.tampering import tampered
from tests.support.waiting import wait_until
from worker.context import WorkerContext

__all__ = ["server", "settings"]
OURS = {"Origin": BASE}
PAGE = "/admin/rooms/gala/invites"
LIST = "name,email\nAnn,Ann@Example.org\nBob,bob@example.org\n"


async def arrived(server: MailServer, count: int) -> list[EmailMessage]:
    """Wait for this many mails."""

    async def received() -> list[EmailMessage] | None:
        return server.received() if len(server.received()) >= count else None

    return await wait_until(received, "the mails") or []


async def use(browser: Browser, link: str) -> httpx.Response:
    """Open the link and press the button."""
    await browser.send("GET", "/rooms/gala")
    page = await browser.send("GET", link)
    found = re.search(r'name="invite" value="([^"]+)"', page.text)
    if found is None:
        return page
    return await browser.send("POST", "/rooms/gala/member", data={"invite": found[1]})


@dataclass
class Invited:
    """A room for members in which everybody waits, and to which Ann and Bob are invited."""

    web: Web
    staff: dict[str, str]
    link: str  # Ann's
    ids: dict[str, str]  # invitation ids by address

    async def form(self, name: str, **fields: str) -> httpx.Response:
        """Submit a form of the console's page."""
        return await submit(self.web, f"{PAGE}/{name}", self.staff, **fields)

    async def states(self) -> dict[str, str]:
        """The state of each invitation."""
        answer = await self.web.get("/v1/rooms/gala/invites", headers=self.web.as_("operator"))
        return {it["email"]: it["state"] for it in answer.json()["items"]}


async def two(web: Web, server: MailServer) -> Invited:
    await web.event(room={"members_only": True})
    await web.post("/v1/rooms/gala/pause", headers=web.as_("operator"))
    staff = {**await web.staff("operator", "ola"), **OURS}
    assert (await submit(web, f"{PAGE}/add", staff, file=LIST)).headers["location"] == f"{PAGE}?invited=2"
    mails = {it["To"]: it for it in await arrived(server, 2)}
    found = re.search(rf"{BASE}(/rooms/gala/member\?invite=[\w-]+)", text_of(mails["ann@example.org"]))
    assert found is not None
    listed = (await web.get("/v1/rooms/gala/invites", headers=web.as_("operator"))).json()["items"]
    return Invited(web, staff, found[1], {it["email"]: it["invite_id"] for it in listed})


async def test_a_link_is_good_for_one_place_in_one_browser(
    web: Web, server: MailServer, worker: WorkerContext
) -> None:
    it = await two(web, server)
    ann, eve = Browser(web, httpx.Cookies()), Browser(web, httpx.Cookies())
    token = it.link.partition("=")[2]
    for text in (tampered(token), it.ids["ann@example.org"]):
        refused = await web.post("/v1/rooms/gala/places", {"invite": text})
        assert code(refused) == (403, "proof_refused")
    assert (await use(ann, it.link)).headers["location"] == "/rooms/gala"
    assert (await ann.send("POST", "/rooms/gala/join")).status_code == 303
    assert (await ann.place())["queue_number"] == 1
    assert (await use(ann, it.link)).headers["location"] == "/rooms/gala"  # as often as they like
    taken = await use(eve, it.link)
    assert (taken.status_code, "another browser" in taken.text) == (409, True)
    refused = await web.post("/v1/rooms/gala/places", {"invite": token})
    assert code(refused) == (409, "member_elsewhere")
    assert await web.app.stores.redis.zcard("{gala}:waiting") == 1
    assert await ann.link() == ""  # it cannot be given away
    assert await it.states() == {"ann@example.org": "used", "bob@example.org": "sent"}
    page = await fetch(web, f"{PAGE}?q=ANN", it.staff)
    assert ("bob@example.org" in page, ">used<" in page) == (False, True)
    stored = "SELECT string_agg(room_invites::text, ' ') FROM room_invites"
    assert token not in await web.app.stores.postgres.fetchval(stored)


async def test_an_invitation_is_sent_again_and_withdrawn_with_whoever_came(
    web: Web, server: MailServer, worker: WorkerContext
) -> None:
    it, ann = await two(web, server), Browser(web, httpx.Cookies())
    wrong = await it.form("add", file="email\nann@example.org\nnobody\n")
    assert (wrong.status_code, "no address in row 3" in wrong.text) == (422, True)
    assert (await it.form("add", file=LIST)).headers["location"] == f"{PAGE}?invited=0"
    assert (await it.form("send", invite=it.ids["bob@example.org"])).status_code == 303
    await arrived(server, 3)
    await use(ann, it.link)
    await ann.send("POST", "/rooms/gala/join")
    assert (await it.form("withdraw", invite=it.ids["ann@example.org"])).status_code == 303
    assert (await ann.place())["state"] == "removed"
    withdrawn = await use(ann, it.link)
    assert (withdrawn.status_code, "withdrawn" in withdrawn.text) == (403, True)
    path = f"/v1/rooms/gala/invites/{it.ids['bob@example.org']}"
    assert (await web.send("DELETE", path, headers=web.as_("operator"))).status_code == 204
    assert code(await web.send("DELETE", path, headers=web.as_("operator"))) == (404, "not_found")
    assert await it.states() == {"ann@example.org": "withdrawn", "bob@example.org": "withdrawn"}
    assert (await it.form("add", file=LIST)).headers["location"] == f"{PAGE}?invited=2"
    assert (await actions(web, "invitations"))[:2] == ["invite", "withdraw invitation"]
