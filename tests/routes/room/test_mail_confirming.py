"""An address is confirmed by a link or code before it gets other mail; strangers get one mail that asks."""

from __future__ import annotations

import asyncio
import re

import pytest

from app.store.connections import Stores
from tests.routes.conftest import Web, bearer, field_of
from tests.routes.mailing import ANN, BASE, confirm_all, register, server, settings, text_of, wait_for_mail
from tests.support.mail_server import MailServer
from tests.support.waiting import wait_until
from worker.context import WorkerContext

__all__ = ["server", "settings"]


async def mails_to(stores: Stores, email: str) -> list[str]:
    """Kind and state of the mails to this address that may be sent or were, oldest first."""
    rows = await stores.postgres.fetch(
        "SELECT kind, state FROM mails WHERE recipient = $1 AND state <> 'unconfirmed' ORDER BY created_at",
        email,
    )
    return [row["kind"] for row in rows]


async def test_a_stranger_gets_one_confirmation_and_what_was_paid_for(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    await web.event()
    place = bearer((await web.join("gala", json={"email": "eve@example.org"}))["place_token"])
    claimed = await web.post("/v1/rooms/gala/places/me/booking-token", headers=place)
    held = (await web.reserve("gala", bearer(claimed.json()["booking_token"]), 2)).json()

    async def written() -> bool:
        return bool(await stores.postgres.fetchval("SELECT count(*) FROM mails WHERE kind = 'held'"))

    await wait_until(written, "the mail about the hold")
    await web.post("/v1/rooms/gala/places", {"email": "Eve@Example.org"}, headers=place)
    assert await mails_to(stores, "eve@example.org") == ["confirm_address"]
    path = f"/v1/reservations/{held['reservation_id']}"
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    await web.post(f"{path}/confirm", body, headers={**place, "Idempotency-Key": "p"})

    async def tickets() -> bool:
        kinds = await stores.postgres.fetch("SELECT FROM mails WHERE kind = 'confirmed' AND state = 'kept'")
        return bool(kinds)

    await wait_until(tickets, "the tickets")
    assert await mails_to(stores, "eve@example.org") == ["confirm_address"]
    assert await mails_to(stores, "Eve@example.org") == ["confirmed"]
    assert await stores.postgres.fetchval("SELECT state FROM mails WHERE kind = 'held'") == "unconfirmed"
    mine = await web.get("/v1/rooms/gala/places/me/email", headers=place)
    assert mine.json() == {"email": "Eve@example.org", "confirmed": False, "asked": True}


@pytest.mark.parametrize("by", ["link", "code"])
async def test_what_waited_is_sent_once_the_address_confirms(
    web: Web, stores: Stores, worker: WorkerContext, server: MailServer, by: str
) -> None:
    await web.event()
    place = bearer((await web.join("gala", json={"email": "ann@example.org"}))["place_token"])
    text = text_of(await wait_for_mail(server, "Confirm your e-mail address: Gala"))
    [link], [digits] = re.findall(rf"{BASE}(/confirm/\S+)", text), re.findall(r"\b\d{6}\b", text)
    for _ in range(2):  # mail scanners follow links
        page = await web.get(link)
        assert (page.status_code, "Shall we write to ann@example.org" in page.text) == (200, True)
    path = "/v1/rooms/gala/places/me/email"
    assert (await web.get(path, headers=place)).json()["confirmed"] is False
    for _ in range(2):
        if by == "link":
            assert (await web.send("POST", link)).headers["location"] == link
        else:
            assert (await web.post(f"{path}/confirm", {"code": digits}, headers=place)).status_code == 204
    await wait_for_mail(server, "It is your turn: Gala")
    assert "is confirmed" in (await web.get(link)).text
    assert (await web.get(path, headers=place)).json()["confirmed"] is True
    # Another address must be confirmed anew, and the old link confirms nothing.
    await web.post("/v1/rooms/gala/places", {"email": "eve@example.org"}, headers=place)
    assert (await web.get(path, headers=place)).json()["confirmed"] is False
    assert (await web.get(link)).status_code == 404


async def test_five_codes_may_be_tried(web: Web, stores: Stores) -> None:
    await web.room()
    place = bearer((await web.join("hall", json={"email": "ann@example.org"}))["place_token"])
    right = await stores.postgres.fetchval("SELECT confirm_code FROM mailboxes")
    wrong = f"{(int(right) + 1) % 10**6:06}"
    path = "/v1/rooms/hall/places/me/email/confirm"
    for tried in [wrong] * 5 + [right]:
        assert field_of(await web.post(path, {"code": tried}, headers=place)) == "code"
    for nonsense in ("", "12345", "1234567", "abcdef"):
        assert field_of(await web.post(path, {"code": nonsense}, headers=place)) == "code"


async def test_confirmations_are_capped_over_all_rooms_and_forgetting_keeps_the_count(
    web: Web, stores: Stores
) -> None:
    rooms = ["hall", "cellar", "attic", "yard", "tower", "roof"]
    for room_id in rooms:
        await web.room(room_id)
    kinds = "SELECT count(*) FROM mail_traces WHERE kind = 'confirm_address'"
    spellings = ["eve@example.org", "EVE@example.org", "eve+1@Example.org"]
    for number, room_id in enumerate(rooms):
        email = spellings[number % 3]
        place = bearer((await web.join(room_id, json={"email": email}))["place_token"])
        is_asked = (await web.get(f"/v1/rooms/{room_id}/places/me/email", headers=place)).json()["asked"]
        assert is_asked is (number < 3)
        await web.send("DELETE", f"/v1/rooms/{room_id}/places/me/email", headers=place)
    assert await stores.postgres.fetchval(kinds) == 3
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails") == 0
    traces = str(await stores.postgres.fetch("SELECT * FROM mail_traces"))
    assert "eve" not in traces
    # From one network address, all at once.
    strangers = (web.join("hall", json={"email": f"fan{number}@example.org"}) for number in range(25))
    await asyncio.gather(*strangers)
    assert await stores.postgres.fetchval(kinds) == 20


async def test_an_unconfirmed_account_is_a_stranger_too(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    await web.event("gala")
    await web.event("opera")
    ann = await register(web, ANN)
    await web.join("gala", headers=ann)
    assert await mails_to(stores, "ann@example.org") == ["confirm_address"]
    await confirm_all(web)
    await web.join("opera", headers=ann)  # it is the account's own, so one confirmation counts for all rooms

    async def mailed() -> bool:
        return (await mails_to(stores, "ann@example.org")).count("your_turn") == 2

    await wait_until(mailed, "both turns")


async def test_an_address_is_left_on_the_queue_page(web: Web, stores: Stores) -> None:
    await web.room()
    place = await web.join("hall")
    cookie = {"Cookie": f"fairgate_place_hall={place['place_token']}"}

    async def sent(email: str, **headers: str) -> list[str]:
        answer = await web.send("POST", "/rooms/hall/email", data={"email": email}, headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/rooms/hall")
        return [row["email"] for row in await stores.postgres.fetch("SELECT email FROM mailboxes")]

    assert 'action="/rooms/hall/email"' in (await web.get("/rooms/hall", headers=cookie)).text
    assert await sent("ann@example.org") == []
    assert await sent("nonsense", **cookie) == []
    assert await sent("ann@example.org", **cookie) == ["ann@example.org"]
    cookies = {"Cookie": f"{cookie['Cookie']}; fairgate_mail_hall=1"}
    shown = (await web.get("/rooms/hall", headers=cookies)).text
    assert "We\u2019ll write to ann@example.org." in shown
    assert "We sent you an e-mail to confirm this address" in shown
    wrong = await web.send("POST", "/rooms/hall/email/code", data={"code": "nonsense"}, headers=cookie)
    assert wrong.headers["location"] == "/rooms/hall?code=wrong"
    assert "not the code in our e-mail" in (await web.get("/rooms/hall?code=wrong", headers=cookies)).text
    digits = await stores.postgres.fetchval("SELECT confirm_code FROM mailboxes")
    spaced = {"code": f" {digits[:3]} {digits[3:]} "}
    right = await web.send("POST", "/rooms/hall/email/code", data=spaced, headers=cookie)
    assert right.headers["location"] == "/rooms/hall"
    assert (
        "We sent you an e-mail to confirm this address"
        not in (await web.get("/rooms/hall", headers=cookies)).text
    )
    assert await sent("", **cookie) == []
    assert "write to ann" not in (await web.get("/rooms/hall", headers=cookies)).text
