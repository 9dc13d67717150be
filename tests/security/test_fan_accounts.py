"""Fan accounts belong to the owner of the mailbox and nobody else; nothing reveals who has one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx

from app.accounts import fans, passkeys
from app.core.accounts.fans import Challenge, FanSigner
from app.core.model import RoomId
from app.store.connections import Stores
from app.store.sql.accounts import fans as rows
from app.store.sql.reservations import personal_data
from app.store.sql.waiting_room.identities import ShownIdentity
from app.waiting_room import identities
from tests.routes.conftest import Web, code
from tests.security.test_carry import Browser
from tests.security.test_suspects import PLACES

ANN = "ann@example.org"


async def digits_for(web: Web, email: str) -> str:
    """The code in the latest mail to this address."""
    code_id = await web.app.stores.postgres.fetchval(
        "SELECT code_id FROM fan_steps WHERE email = $1 ORDER BY expires_at DESC LIMIT 1", email
    )
    return web.app.fans.code(code_id)


async def signed_in(web: Web, email: str = ANN) -> Browser:
    """A browser that has entered the code."""
    browser = Browser(web, httpx.Cookies())
    await browser.send("POST", "/passkey/email", data={"email": email})
    await browser.send("POST", "/passkey/code", data={"code": await digits_for(web, email)})
    assert email in (await browser.send("GET", "/passkey")).text
    return browser


async def an_account(stores: Stores, email: str = ANN) -> None:
    async with stores.postgres.acquire() as connection:
        assert await rows.insert(connection, (f"fan {email}", email, email), email.encode(), b"key", 0)


async def test_the_code_of_the_mail_shows_whose_account_it_is(web: Web) -> None:
    browser = Browser(web, httpx.Cookies())
    assert (await browser.send("POST", "/passkey/email", data={"email": "no"})).headers["location"] == (
        "/passkey?said=address"
    )
    await browser.send("POST", "/passkey/email?room=gala", data={"email": ANN})
    right = await digits_for(web, ANN)
    for _ in range(rows.TRIES_MAX):
        wrong = await browser.send("POST", "/passkey/code", data={"code": f"{(int(right) + 1) % 10**6:06}"})
        assert wrong.headers["location"] == "/passkey?said=wrong"
    await browser.send("POST", "/passkey/code", data={"code": right})
    assert "We sent a code" in (await browser.send("GET", "/passkey")).text
    assert (await browser.send("POST", "/passkey/new/options", data={})).status_code == 403
    known = await signed_in(web)
    options = (await known.send("POST", "/passkey/new/options", data={})).json()
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    made = await known.send("POST", "/passkey/new", data={"credential": json.dumps({"rawId": "aaaa"})})
    assert made.headers["location"] == "/passkey?said=failed"
    await known.send("POST", "/passkey/leave")
    assert "Send me a code" in (await known.send("GET", "/passkey")).text


async def test_nothing_tells_who_has_an_account_and_nobody_floods_a_mailbox(web: Web, stores: Stores) -> None:
    await an_account(stores)
    pages = []
    for email in (ANN, "bob@example.org"):
        browser = Browser(web, httpx.Cookies())
        answer = await browser.send("POST", "/passkey/email", data={"email": email})
        page = (await browser.send("GET", "/passkey")).text
        pages.append((answer.status_code, answer.headers["location"], page.replace(email, "")))
    assert pages[0] == pages[1]
    for spelling in (ANN, "ann+1@example.org", "ANN@example.org", ANN):
        last = await Browser(web, httpx.Cookies()).send("POST", "/passkey/email", data={"email": spelling})
    assert last.headers["location"] == "/passkey?said=unsent"
    sent = "SELECT count(*) FROM mails WHERE kind = 'fan_code' AND lower(recipient) LIKE 'ann%'"
    assert await stores.postgres.fetchval(sent) == rows.CODES_A_DAY


async def test_a_challenge_is_ours_for_one_purpose_and_for_a_while() -> None:
    signer, other = FanSigner(b"s" * 32), FanSigner(b"o" * 32)
    token = signer.challenge(Challenge("new", "abc", "fan"), 1000)
    assert signer.read_challenge(token, "new", 1000) == Challenge("new", "abc", "fan")
    for reader, purpose, now_s in ((signer, "sign_in", 1000), (signer, "new", 1301), (other, "new", 1000)):
        assert reader.read_challenge(token, purpose, now_s) is None
    for bad in ("", "a.b", token[:-1], f"x{token}"):
        assert signer.read_challenge(bad, "new", 1000) is None


async def test_a_passkey_that_nobody_knows_signs_nobody_in(web: Web) -> None:
    browser = Browser(web, httpx.Cookies())
    for _ in range(2):
        await browser.send("POST", "/passkey/options", data={})
        for credential in ("", "{}", json.dumps({"rawId": "aaaa"})):
            answer = await browser.send("POST", "/passkey/use", data={"credential": credential})
            assert answer.headers["location"] == "/passkey?said=failed"
    assert "Send me a code" in (await browser.send("GET", "/passkey")).text


async def test_a_room_asks_for_an_account_and_for_one_of_before(web: Web) -> None:
    announced = datetime.now(UTC) - timedelta(days=1)
    both = {"identity": "passkey", "accounts_before": announced.isoformat()}
    refused = await web.send(
        "PATCH",
        f"/v1/rooms/{await web.room()}",
        json={"accounts_before": announced.isoformat()},
        headers=web.as_("operator"),
    )
    assert code(refused) == (422, "validation_failed")
    await web.event(room=both)
    await web.post("/v1/rooms/gala/pause", headers=web.as_("operator"))
    room = await web.app.queues.loaded_rooms.get(RoomId("gala"))

    async def comes(key: bytes, kind: str, made_at: datetime | None) -> tuple[int, int]:
        """A browser joins with this identity; returns its status and number, if it may join."""
        refused = await web.post(PLACES, {})
        assert (code(refused), refused.json()["needed"]) == ((403, "identity_needed"), "passkey")
        browser = Browser(web, httpx.Cookies())
        await browser.send("GET", "/rooms/gala")
        claims = web.app.places.read(browser.cookies["fairgate_place_gala"])
        await identities.enter(web.app.queues, room, ShownIdentity(key, kind, made_at), claims.visitor_id)
        answer = await browser.send("POST", PLACES, json={})
        return answer.status_code, answer.json().get("queue_number", 0)

    before, since = announced - timedelta(days=1), announced + timedelta(hours=1)
    assert await comes(b"a", "email", None) == (403, 0)
    assert await comes(b"b", "passkey", since) == (403, 0)
    assert await comes(b"c", "passkey", before) == (201, 1)
    assert await comes(b"c", "passkey", before) == (200, 1)  # another device: the place moves with it
    assert await comes(b"a", "passkey", before) == (201, 2)
    assert await web.app.stores.redis.zcard("{gala}:waiting") == 2
    assert code(await web.post("/v1/rooms/gala/identity", {"email": ANN})) == (409, "conflict")
    page = (await web.get("/rooms/gala")).text
    assert "Join with your passkey" in page
    assert "The account has to be created before" in page


async def test_an_account_is_deleted_by_its_owner_and_with_all_that_is_known(
    web: Web, stores: Stores
) -> None:
    for email in (ANN, "bob@example.org"):
        await an_account(stores, email)
    known = await personal_data.select_all(stores.postgres, ANN)
    [mine] = json.loads(bytes(known["fan_account"]))
    assert (mine["email"], mine["passkeys"]) == (ANN, 1)
    browser = await signed_in(web)
    assert "Your passkeys" in (await browser.send("GET", "/passkey")).text
    [passkey] = (await fans.account(stores, "bob@example.org"))[1]
    await browser.send("POST", "/passkey/remove", data={"passkey_id": passkey.passkey_id})
    assert len((await fans.account(stores, "bob@example.org"))[1]) == 1  # the passkey is not bob's
    await browser.send("POST", "/passkey/delete")
    assert (await fans.account(stores, ANN)) == (None, [])
    assert await stores.postgres.fetchval("SELECT count(*) FROM fan_passkeys") == 1
    async with stores.postgres.acquire() as connection, connection.transaction():
        await personal_data.forget(connection, "bob@example.org")
    assert await stores.postgres.fetchval("SELECT count(*) FROM fan_passkeys") == 0


async def test_a_code_is_good_in_the_browser_that_asked_alone(web: Web) -> None:
    await signed_in(web)
    stranger = Browser(web, httpx.Cookies())
    await stranger.send("POST", "/passkey/code", data={"code": await digits_for(web, ANN)})
    assert "Send me a code" in (await stranger.send("GET", "/passkey")).text
    options = passkeys.begin_sign_in("https://tickets.example.org")
    assert json.loads(options.options)["userVerification"] == "required"
