"""Mails as people get them: joined over HTTP, sent by the worker's jobs to a real SMTP server."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from app import i18n
from app.core.email import MailKind
from app.notifications import email_content
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.mail_queue import queue_of_reminders
from app.store.sql.mails import Mail
from tests.routes.conftest import Web, bearer, code, field_of
from tests.support.mail_server import MailServer, mail_server
from tests.support.waiting import wait_until
from worker.context import WorkerContext

ANN = {"email": "Ann@Example.org", "name": "Ann", "password": "long enough 1"}
BOB = {"email": "bob@example.org", "name": "Bob", "password": "long enough 2"}
NEVER = datetime(2030, 6, 1, 19, tzinfo=UTC)
BASE = "https://tickets.example.org"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """With the SMTP server where a test has one."""
    update: dict[str, Any] = {"public_url": BASE, "mail_from": "Tickets <tickets@example.org>"}
    if "server" in request.fixturenames:
        update["smtp_url"] = SecretStr(request.getfixturevalue("server").url)
    return settings.model_copy(update=update)


async def registered(web: Web, who: dict[str, str]) -> dict[str, str]:
    """The header of a new account."""
    assert (await web.post("/v1/users", who)).status_code == 201
    login = await web.post("/v1/login", {"email": who["email"], "password": who["password"]})
    return bearer(login.json()["access_token"])


async def inside(web: Web, event_id: str, **options: Any) -> tuple[dict[str, str], dict[str, str]]:
    """A visitor with an address who was called and went in: place and booking token."""
    place = bearer((await web.join(event_id, **options))["place_token"])
    await confirm_all(web)

    async def claimed() -> Any:
        response = await web.post(f"/v1/rooms/{event_id}/places/me/booking-token", headers=place)
        return response.json() if response.status_code in (200, 201) else None

    claim = await wait_until(claimed, "the turn")
    return place, bearer(claim["booking_token"])


async def confirm_all(web: Web) -> None:
    """Every address that was asked presses the button of its link."""
    rows = await web.app.stores.postgres.fetch("SELECT confirm_token FROM mailboxes")
    for token in [row["confirm_token"] for row in rows]:
        assert (await web.send("POST", f"/confirm/{token}")).status_code == 303


async def bought(
    web: Web, event_id: str = "gala", email: str = "ann@example.org"
) -> tuple[str, dict[str, str]]:
    """The path of a confirmed reservation of a guest, and their place token."""
    place, booking = await inside(web, event_id, json={"email": email})
    held = await web.reserve(event_id, booking, 2)
    assert held.status_code == 201, held.text
    path = f"/v1/reservations/{held.json()['reservation_id']}"
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(f"{path}/confirm", body, headers={**place, "Idempotency-Key": "p"})
    assert paid.json()["status"] == "confirmed", paid.text
    return path, place


async def arrived(server: MailServer, subject: str) -> EmailMessage:
    """The mail with this subject; there is one."""

    async def there() -> list[EmailMessage]:
        return [it for it in server.got() if it["Subject"] == subject]

    [mail] = await wait_until(there, subject)
    return mail


async def settled(stores: Stores) -> None:
    """Wait until no mail is on its way."""

    async def none_left() -> bool:
        left = "SELECT NOT EXISTS (SELECT FROM mails WHERE state IN ('waiting', 'handing_over'))"
        told = "SELECT NOT EXISTS (SELECT FROM outbox WHERE streamed_at IS NULL)"
        return bool(await stores.postgres.fetchval(told) and await stores.postgres.fetchval(left))

    await wait_until(none_left, "the last mail")


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """The part of this kind."""
    part = mail.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


async def test_every_kind_is_sent_once(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    await web.event(venue="The <Old> Hall")
    turn_of = await web.join("gala", json={"email": "late@example.org", "locale": "en"})
    await confirm_all(web)
    turn = await arrived(server, "It is your turn: Gala")
    assert (turn["To"], f"{BASE}/rooms/gala" in text_of(turn)) == ("late@example.org", True)
    assert turn_of["visitor_id"] not in turn.as_string()
    place, booking = await inside(web, "gala", json={"email": "ann@example.org"})
    held = (await web.reserve("gala", booking, 2)).json()
    first = await arrived(server, "Your tickets are held: Gala")
    assert "2 \u00d7 Floor, €50.00 each\nTotal: €100.00" in text_of(first)
    assert "Tuesday, 1 January 2030, 20:00 UTC" in text_of(first)
    path = f"/v1/reservations/{held['reservation_id']}"
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(f"{path}/confirm", body, headers={**place, "Idempotency-Key": "p"})
    tickets = await arrived(server, "Your tickets: Gala")
    assert all(it["code"] in text_of(tickets) for it in paid.json()["tickets"])
    assert "The &lt;Old&gt; Hall" in text_of(tickets, "html")
    pictures = [it for it in tickets.walk() if it.get_content_type() == "image/png"]
    named = re.findall(r'src="cid:(.+?)"', text_of(tickets, "html"))
    assert [it["Content-ID"] for it in pictures] == [f"<{name}>" for name in named]
    assert [it.get_content()[:4] for it in pictures] == [b"\x89PNG"] * 2
    # Tomorrow it starts: whoever bought before is reminded, by whichever worker comes first.
    await stores.postgres.execute("UPDATE reservations SET confirmed_at = now() - interval '3 days'")
    await stores.postgres.execute("UPDATE events SET starts_at = now() + interval '20 hours'")
    await asyncio.gather(*(reminded(stores) for _ in range(3)))
    await arrived(server, "Coming up: Gala")
    await web.post(f"{path}/cancel", headers=place)
    await arrived(server, "Your reservation was cancelled: Gala")
    assert "€100.00" in text_of(await arrived(server, "Your refund is on its way: Gala"))
    await stores.postgres.execute("UPDATE outbox SET streamed_at = NULL")  # told again, as after a lost Redis
    await reminded(stores)
    await settled(stores)
    to_ann = [it["Subject"] for it in server.got() if it["To"] == "ann@example.org"]
    assert len(to_ann) == len(set(to_ann))
    assert {it["From"] for it in server.got()} == {"Tickets <tickets@example.org>"}
    ids = await stores.postgres.fetch("SELECT mail_id FROM mails WHERE state = 'sent'")
    assert {it["Message-ID"] for it in server.got()} == {f"<{it['mail_id']}@example.org>" for it in ids}


@pytest.mark.parametrize(
    ("room", "joined", "accepts", "subject", "until"),
    [
        ("", "de", "", "Deine Tickets sind reserviert: Gala", "Bezahlen"),
        ("", "de-AT", "fr", "Deine Tickets sind reserviert: Gala", "Bezahlen"),
        ("", "", "sv, ar;q=0.8", "تذاكرك محجوزة لك: Gala", "الدفع"),
        ("ja", "", "de", "チケットを確保しています\uff1aGala", "支払う"),
        ("ja", "sv", "", "チケットを確保しています\uff1aGala", "支払う"),
        ("", "xx", "", "Your tickets are held: Gala", "Pay"),
    ],
)
async def test_mails_are_in_the_language_of_who_gets_them(
    web: Web,
    server: MailServer,
    worker: WorkerContext,
    room: str,
    joined: str,
    accepts: str,
    subject: str,
    until: str,
) -> None:
    await web.event(timezone="Asia/Tokyo", room={"locale": room})
    asked = {"email": "ann@example.org"} | ({"locale": joined} if joined else {})
    headers = {"Accept-Language": accepts} if accepts else {}
    _, booking = await inside(web, "gala", json=asked, headers=headers)
    assert (await web.reserve("gala", booking)).status_code == 201
    held = await arrived(server, subject)
    for kind in ("plain", "html"):
        text = text_of(held, kind)
        assert until in text
        assert "05:00 (Asia/Tokyo)" in text  # when it starts
        assert text.count("(Asia/Tokyo)") == 2  # and until when to pay


@pytest.mark.parametrize("kind", [it for it in get_args(MailKind) if it != "alert"])  # to staff
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_mail_can_be_written_in_every_language(kind: MailKind, language: str) -> None:
    values: dict[str, Any] = dict.fromkeys(Mail._fields)
    values |= {
        "kind": kind,
        "locale": language,
        "event_name": "A & B",
        "amount": 1,
        "refunded": 1,
        "currency": "EUR",
    }
    values |= {
        "starts_at": NEVER,
        "until": NEVER,
        "created_at": NEVER,
        "timezone": "Europe/Paris",
        "overdue": False,
    }
    values |= {
        "status": "confirmed"
        if kind in ("confirmed", "reminder")
        else "cancelled"
        if kind == "cancelled"
        else "held"
    }
    values |= {"confirm_token": "t", "confirm_code": "012345", "subject_id": "t"}
    values |= {"message": '{"subject":"About A & B","text":"Doors open at 19:00."}'}
    values |= {"type_names": '{"floor":"Floor"}', "items": '[{"ticket_type_id":"floor","quantity":1}]'}
    values |= {
        "tickets": '[{"ticket_type_id":"floor","seat_id":"floor-a-7","code":"ABC"}]',
        "room_id": "gala",
    }
    settings = Settings(public_url=BASE, secret=SecretStr("s" * 40))
    letter = email_content.write(email_content.open_writer(settings), Mail(**values))
    assert letter.subject.endswith("A & B") != (kind == "reset_password")
    assert f'lang="{language}"' in letter.html
    assert ("A &amp; B</h1>" in letter.html) != (kind == "reset_password")
    told_a_time = kind not in ("cancelled", "refunded", "confirm_address", "reset_password")
    assert ("21:00 (Europe/Paris)" in letter.body) == ("21:00 (Europe/Paris)" in letter.html) == told_a_time


async def reminded(stores: Stores) -> None:
    """One look for reminders that are due."""

    await queue_of_reminders(stores.postgres)


@pytest.mark.parametrize(
    ("starts_in", "bought_ago"), [("25 hours", "3 days"), ("-1 minutes", "3 days"), ("20 hours", "1 hour")]
)
async def test_who_is_not_reminded(
    web: Web, stores: Stores, worker: WorkerContext, starts_in: str, bought_ago: str
) -> None:
    await web.event()
    await bought(web)
    await stores.postgres.execute(f"UPDATE reservations SET confirmed_at = now() - interval '{bought_ago}'")
    await stores.postgres.execute(f"UPDATE events SET starts_at = now() + interval '{starts_in}'")
    await reminded(stores)
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails WHERE kind = 'reminder'") == 0


async def test_without_an_address_nothing_is_written(web: Web, stores: Stores, worker: WorkerContext) -> None:
    await web.event()
    _, booking = await inside(web, "gala")
    assert (await web.reserve("gala", booking)).status_code == 201
    await settled(stores)
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails") == 0
    assert await stores.postgres.fetchval("SELECT count(*) FROM mailboxes") == 0


async def test_an_account_is_written_to_without_being_asked(
    web: Web, server: MailServer, worker: WorkerContext
) -> None:
    await web.event()
    _, booking = await inside(web, "gala", headers=await registered(web, ANN))
    assert (await web.reserve("gala", booking)).status_code == 201
    held = await arrived(server, "Your tickets are held: Gala")
    assert held["To"] == "ann@example.org"
    assert "claim" not in text_of(held)  # it is the account's already


async def test_an_address_is_forgotten_with_what_was_written_to_it(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    await web.event()
    _, place = await bought(web)
    await settled(stores)
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails") >= 1
    for _ in range(2):
        gone = await web.send("DELETE", "/v1/rooms/gala/places/me/email", headers=place)
        assert gone.status_code == 204
    for table in ("mails", "mailboxes"):
        assert await stores.postgres.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_an_address_is_in_no_log_and_no_notice(web: Web, stores: Stores, worker: WorkerContext) -> None:
    await web.event()
    await bought(web, email="secret-ann@example.org")
    await settled(stores)
    audit = await web.get("/v1/audit", headers=web.as_("admin"))
    assert "secret-ann" not in audit.text
    told: Any = stores.redis
    assert "secret-ann" not in str(await told.xrange("fairgate:events"))


async def test_a_guest_reservation_is_taken_over_with_the_mailed_link(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    await web.event()
    path, place = await bought(web)
    mail = await arrived(server, "Your tickets: Gala")
    [link] = re.findall(rf"{BASE}(/v1/\S+/claim\S+)", text_of(mail))
    assert link.startswith(f"{path}/claim?expires=")
    ann, bob = await registered(web, ANN), await registered(web, BOB)
    assert code(await web.get(path, headers=ann)) == (404, "reservation_not_found")
    assert code(await web.post(link)) == (401, "credential_missing")
    assert code(await web.post(link, headers=bob)) == (403, "wrong_account")
    assert code(await web.post(link, headers=web.as_("admin"))) == (403, "wrong_account")
    for forged in (
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link.replace("expires=1", "expires=2"),
        f"{path}/claim",
    ):
        assert code(await web.post(forged, headers=ann)) == (401, "credential_invalid")
    other = link.replace(path, f"/v1/reservations/{'r' * 22}")
    assert code(await web.post(other, headers=ann)) == (401, "credential_invalid")
    first, second = [await web.post(link, headers=ann) for _ in range(2)]
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert (await web.get(path, headers=ann)).json() == first.json()
    listed = (await web.get("/v1/users/me/reservations", headers=ann)).json()
    assert listed == {"items": [first.json()], "total": 1, "page": 1, "per_page": 50}
    assert (await web.get("/v1/users/me/reservations", headers=bob)).json()["total"] == 0
    assert code(await web.get(path, headers=bob)) == (404, "reservation_not_found")
    assert (await web.get(path, headers=place)).status_code == 200  # the guest's browser still has it
    assert (await web.post(f"{path}/cancel", headers=ann)).json()["status"] == "cancelled"


async def test_the_mailed_link_leads_people_to_a_form(
    web: Web, worker: WorkerContext, server: MailServer
) -> None:
    await web.event()
    path, _ = await bought(web)
    await registered(web, ANN)
    [link] = re.findall(rf"{BASE}(/v1/\S+/claim\S+)", text_of(await arrived(server, "Your tickets: Gala")))
    leads = await web.get(link)
    assert leads.status_code == 302
    form = leads.headers["location"]
    page = await web.get(form)
    assert html.escape(form) in page.text
    wrong = await web.send("POST", form, data={"email": ANN["email"], "password": "not this one"})
    assert (wrong.status_code, "password is wrong" in wrong.text) == (401, True)
    mine = {"email": ANN["email"], "password": ANN["password"]}
    foreign = await web.send("POST", form, data=mine, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    forged = await web.send("POST", form.replace("expires=1", "expires=2"), data=mine)
    assert (forged.status_code, "not valid" in forged.text) == (401, True)
    done = await web.send("POST", form, data=mine)
    assert (done.status_code, "The reservation is yours" in done.text) == (200, True)
    login = await web.post("/v1/login", mine)
    ann = bearer(login.json()["access_token"])
    assert (await web.get(path, headers=ann)).status_code == 200


async def mails_to(stores: Stores, email: str) -> list[str]:
    """Kind and state of the mails to this address that may leave, or did; the oldest first."""
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
    asked = text_of(await arrived(server, "Confirm your e-mail address: Gala"))
    [link], [digits] = re.findall(rf"{BASE}(/confirm/\S+)", asked), re.findall(r"\b\d{6}\b", asked)
    for _ in range(2):  # scanners of mail follow links
        page = await web.get(link)
        assert (page.status_code, "Shall we write to ann@example.org" in page.text) == (200, True)
    path = "/v1/rooms/gala/places/me/email"
    assert (await web.get(path, headers=place)).json()["confirmed"] is False
    for _ in range(2):
        if by == "link":
            assert (await web.send("POST", link)).headers["location"] == link
        else:
            assert (await web.post(f"{path}/confirm", {"code": digits}, headers=place)).status_code == 204
    await arrived(server, "It is your turn: Gala")
    assert "is confirmed" in (await web.get(link)).text
    assert (await web.get(path, headers=place)).json()["confirmed"] is True
    # Another address is asked anew, and the old link confirms nothing.
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
        asked = (await web.get(f"/v1/rooms/{room_id}/places/me/email", headers=place)).json()["asked"]
        assert asked is (number < 3)
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
    ann = await registered(web, ANN)
    await web.join("gala", headers=ann)
    assert await mails_to(stores, "ann@example.org") == ["confirm_address"]
    await confirm_all(web)
    await web.join("opera", headers=ann)  # confirmed once for all rooms: it is the account's own

    async def told() -> bool:
        return (await mails_to(stores, "ann@example.org")).count("your_turn") == 2

    await wait_until(told, "both turns")


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
    left = {"Cookie": f"{cookie['Cookie']}; fairgate_mail_hall=1"}
    shown = (await web.get("/rooms/hall", headers=left)).text
    assert "We\u2019ll write to ann@example.org." in shown
    assert "We sent you an e-mail to confirm this address" in shown
    wrong = await web.send("POST", "/rooms/hall/email/code", data={"code": "nonsense"}, headers=cookie)
    assert wrong.headers["location"] == "/rooms/hall?code=wrong"
    assert "not the code in our e-mail" in (await web.get("/rooms/hall?code=wrong", headers=left)).text
    digits = await stores.postgres.fetchval("SELECT confirm_code FROM mailboxes")
    spaced = {"code": f" {digits[:3]} {digits[3:]} "}
    right = await web.send("POST", "/rooms/hall/email/code", data=spaced, headers=cookie)
    assert right.headers["location"] == "/rooms/hall"
    assert (
        "We sent you an e-mail to confirm this address"
        not in (await web.get("/rooms/hall", headers=left)).text
    )
    assert await sent("", **cookie) == []
    assert "write to ann" not in (await web.get("/rooms/hall", headers=left)).text


async def test_a_link_runs_out(web: Web, stores: Stores, worker: WorkerContext) -> None:
    await web.event()
    path, _ = await bought(web)
    ann = await registered(web, ANN)
    signature = web.app.claims.sign(path.rpartition("/")[2], "ann@example.org", 1_700_000_000)
    ended = await web.post(f"{path}/claim?expires=1700000000&signature={signature}", headers=ann)
    assert code(ended) == (401, "credential_invalid")
    assert "expired" in ended.json()["detail"]


async def test_without_a_server_staff_reads_them_in_the_console(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    await web.event()
    await bought(web)
    await settled(stores)
    assert (await web.get("/admin/mail")).status_code == 401
    staff = await web.staff("operator")
    shown = await web.get("/admin/mail", headers=staff)
    assert "FAIRGATE_SMTP_URL" in shown.text
    assert shown.text.count(">kept<") >= 1
    [mail_path] = re.findall(r'href="(/admin/mail/[0-9a-f-]+)">Your tickets: Gala', shown.text)
    mail = await web.get(mail_path, headers=staff)
    assert "ann@example.org" in mail.text
    [frame] = re.findall(r"<iframe[^>]*>", mail.text)
    assert " sandbox " in frame
    assert frame.count("data:image/png;base64,") == 2
    policy = mail.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    again = await web.post(f"{mail_path}/again", headers=staff)
    assert again.status_code == 303
    await settled(stores)
    log = (await web.get("/v1/audit?kind=mail", headers=web.as_("admin"))).json()["items"]
    assert [(it["action"], it["before"], it["after"]) for it in log] == [
        ("send again", {"state": "kept"}, {"state": "waiting"})
    ]
    assert (await web.get(f"/admin/mail/{'0' * 36}", headers=staff)).status_code == 404
