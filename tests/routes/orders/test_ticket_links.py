"""Tickets in another browser: by links in mails, which work in any browser, and by a link on request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from pydantic import SecretStr

from app.core.notifications.email import MailKind
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web
from tests.routes.mailing import text_of, wait_for_mail
from tests.support.mail_server import MailServer, mail_server
from tests.support.tampering import tampered
from tests.support.waiting import wait_until
from worker.context import WorkerContext

BASE = "https://tickets.example.org"
ANN = {"email": "ann@example.org", "locale": "en"}
CARD = {"method": "card", "token": "tok_ok"}
ELSEWHERE: set[str] = {"alert", "invite", "test"}  # for staff, who sign in with or before it
A_LINK = re.compile(rf"{BASE}(/[^\s\"<>]*)")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@pytest.fixture
def settings(settings: Settings, server: MailServer) -> Settings:
    update = {"public_url": BASE, "mail_from": "tickets@example.org", "smtp_url": SecretStr(server.url)}
    return settings.model_copy(update=update)


async def sell_three(web: Web) -> tuple[list[str], dict[str, str]]:
    """Three reservations of one visitor, the first confirmed, the last cancelled; and their place token."""
    await web.event()
    place, booking = await web.inside("gala")
    wanted = enumerate((2, 1, 1))
    held = [(await web.reserve("gala", booking, it, f"k{n}")).json()["reservation_id"] for n, it in wanted]
    for it in held:
        answer = await web.send("PUT", f"/v1/reservations/{it}/buyer", json=ANN, headers=place)
        assert answer.status_code == 200, answer.text
    paid = await web.post(
        f"/v1/reservations/{held[0]}/confirm", {"payment": CARD}, headers={**place, "Idempotency-Key": "p"}
    )
    assert paid.json()["status"] == "confirmed", paid.text
    assert (await web.post(f"/v1/reservations/{held[2]}/cancel", {}, headers=place)).status_code == 200
    return held, place


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    """What a browser would send with its next request."""
    sent = [it.partition(";")[0] for it in answer.headers.get_list("set-cookie")]
    return {"Cookie": "; ".join(sent)} if sent else {}


async def open_link(web: Web, path: str) -> httpx.Response:
    """What a new browser shows for a link, after all redirects."""
    headers: dict[str, str] = {}
    for _ in range(4):
        answer = await web.get(path.replace("&amp;", "&"), headers=headers)
        headers |= cookies_of(answer)
        if answer.status_code not in (302, 303, 308):
            break
        path = answer.headers["location"]
    return answer


async def test_every_link_of_every_mail_works_in_any_browser(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    held, place = await sell_three(web)
    browser = {"Cookie": f"__Host-fairgate_place_gala={place['Authorization'].split()[1]}"}
    tickets = (await web.get(f"/v1/reservations/{held[0]}", headers=place)).json()["tickets"]
    given = await offer(web, server, browser, held[0], tickets[0]["ticket_id"], "bob@example.org")
    assert (await web.post("/tickets/accept", data={"token": given})).status_code == 303
    await offer(web, server, browser, held[0], tickets[1]["ticket_id"], "eve@example.org")
    payment_id = await stores.postgres.fetchval("SELECT payment_id FROM payments")
    joined = await web.join("gala", json={"email": "late@example.org", "locale": "en"})  # confirm_address
    await stores.postgres.execute(
        "INSERT INTO jobs (job_id, kind, request, asked_by, asked_role, state) VALUES "
        """('j', 'message_buyers', '{"subject": "News", "text": "Doors at seven"}', 'a', 'admin', 'done')"""
    )
    await mails_of_kinds(stores, held, payment_id, joined["visitor_id"])
    await mails_on_request(web)
    expected = set(get_args(MailKind)) - ELSEWHERE

    async def all_sent() -> bool:
        rows = await stores.postgres.fetch("SELECT DISTINCT kind FROM mails WHERE state = 'sent'")
        return expected <= {row["kind"] for row in rows}

    await wait_until(all_sent, "a mail of every kind")
    tried = 0
    for mail in server.received():
        for part in ("plain", "html"):
            for path in A_LINK.findall(text_of(mail, part)):
                if given in path:  # already used
                    continue
                answer = await open_link(web, path)
                assert answer.status_code == 200, (mail["Subject"], path, answer.status_code)
                tried += 1
    assert tried > len(expected)
    mails = await stores.postgres.fetch("SELECT body || html AS text FROM mails")
    assert not [
        it["text"] for it in mails if re.search(r"place=c1|(open|accept)\?token=|member\?invite=", it["text"])
    ]


async def mails_on_request(web: Web) -> None:
    """Mails sent on request."""
    who = {"email": "staff@example.org", "name": "Sam", "password": "long enough 1"}
    assert (await web.post("/v1/users", who)).status_code == 201
    assert (await web.post("/v1/users/password-reset", {"email": who["email"]})).status_code == 204
    assert (await web.post("/tickets", data={"email": "ANN@example.org"})).status_code == 200
    assert (await web.post("/passkey/email", data={"email": "fan@example.org"})).status_code == 303
    invited = {"emails": ["ann@example.org"]}
    assert (await web.post("/v1/rooms/gala/invites", invited, headers=web.as_("operator"))).status_code == 200


async def mails_of_kinds(stores: Stores, held: list[str], payment_id: str, visitor_id: str) -> None:
    """Mails of the kinds that would otherwise take a while to occur."""
    subjects: dict[str, tuple[str, str | None]] = {
        "your_turn": (f"gala {visitor_id} 9", None),
        "held": (held[1], held[1]),
        "cancelled": (held[2], held[2]),
        "refunded": (payment_id, held[0]),
        "reminder": (held[0], held[0]),
        "message": (f"j {held[0]}", held[0]),
        "moved": (f"{held[0]} m", held[0]),
    }
    for kind, (subject, reservation_id) in subjects.items():
        await stores.postgres.execute(
            "INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, "
            "until, locale) "
            "SELECT $1, $2, 'gala', 'v', $3, 'ann@example.org', true, starts_at, 'en' FROM events "
            "ON CONFLICT (kind, subject_id) DO UPDATE SET state = 'waiting', recipient = excluded.recipient",
            *(kind, subject, reservation_id),
        )


async def offer(
    web: Web, server: MailServer, browser: dict[str, str], reservation_id: str, ticket_id: str, email: str
) -> str:
    """Offer a ticket to an address; returns the token of the mailed link."""
    form = {"ticket_id": ticket_id, "email": email}
    offered = await web.post(f"/reservations/{reservation_id}/transfer", data=form, headers=browser)
    assert offered.status_code == 303, offered.text

    async def matching() -> list[EmailMessage]:
        return [it for it in server.received() if it["To"] == email]

    [mail] = await wait_until(matching, "the offer")
    return link_in(mail).partition("token=")[2]


async def test_a_ticket_that_is_given_away_has_another_code(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    [confirmed, *_], place = await sell_three(web)
    browser = {"Cookie": f"__Host-fairgate_place_gala={place['Authorization'].split()[1]}"}
    path = f"/v1/reservations/{confirmed}"
    mine = (await web.get(path, headers=place)).json()["tickets"][0]
    token = await offer(web, server, browser, confirmed, mine["ticket_id"], "bob@example.org")
    again = {"ticket_id": mine["ticket_id"], "email": "eve@example.org"}
    twice = await web.post(f"/reservations/{confirmed}/transfer", data=again, headers=browser)
    assert twice.status_code == 409
    assert "Withdraw the offer" in twice.text
    valid = "SELECT count(*) FROM tickets WHERE code = $1"
    assert await stores.postgres.fetchval(valid, mine["code"]) == 1  # until it is accepted
    assert "Accept the ticket" in (await web.get(f"/tickets/accept?token={token}")).text
    accepted = await web.post("/tickets/accept", data={"token": token})
    theirs = await web.get(accepted.headers["location"])
    assert "This ticket was given to you" in theirs.text
    assert (await web.post("/tickets/accept", data={"token": token})).status_code == 401
    ticket = await stores.postgres.fetchrow("SELECT * FROM tickets WHERE ticket_id = $1", mine["ticket_id"])
    assert ticket is not None
    code = ticket["code"]
    assert (code != mine["code"], ticket["holder_email"]) == (True, "bob@example.org")
    assert code in theirs.text
    why = "SELECT why FROM void_codes WHERE code = $1"
    assert await stores.postgres.fetchval(why, mine["code"]) == "transferred"
    mail = await wait_for_mail(server, "Your ticket: Gala")
    assert (mail["To"], code in text_of(mail)) == ("bob@example.org", True)
    assert [it.get_filename() for it in mail.iter_attachments()] == ["tickets.pdf"]
    notice = await wait_for_mail(server, "Your ticket was accepted: Gala")
    assert (notice["To"], code in notice.as_string()) == ("ann@example.org", False)
    await is_not_shown(web, f"/reservations/{confirmed}", browser, code, mine["code"])
    assert (await web.post(f"{path}/cancel", {}, headers=place)).status_code == 409
    pdf = await web.get(accepted.headers["location"].replace("mine?", "mine.pdf?"))
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    answer = await web.get(f"/reservations/{confirmed}/tickets.pdf", headers=browser)
    assert answer.content.count(b"/Type /Page\n") == 1  # one of the two is no longer theirs
    assert await links_to(web, "Bob@example.org") == 1  # he is entitled to the data held about him, too


async def links_to(web: Web, email: str) -> int:
    """How many links to tickets an address has been sent after asking for one more."""
    await web.post("/tickets", data={"email": email})
    links = "SELECT count(*) FROM mails WHERE kind = 'tickets_link' AND recipient = $1"
    return int(await web.app.stores.postgres.fetchval(links, email))


async def is_not_shown(web: Web, path: str, browser: dict[str, str], *codes: str) -> None:
    """The giver sees that the ticket was given away, and neither of its codes."""
    shown = (await web.get(path, headers=browser)).text
    assert "Given to somebody else" in shown
    assert [code for code in codes if code in shown] == []


def link_in(mail: EmailMessage) -> str:
    found = A_LINK.search(text_of(mail))
    assert found is not None
    return found[1]


async def test_a_mailed_link_shows_and_pays_and_does_nothing_that_cannot_be_undone(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    [confirmed, held, _], _ = await sell_three(web)
    link = link_in(await wait_for_mail(server, "Your tickets: Gala"))
    answer = await web.get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/reservations/{confirmed}")
    browser = cookies_of(answer)
    page = await web.get(f"/reservations/{confirmed}", headers=browser)
    assert "QR code of the ticket" in page.text
    assert f'action="/reservations/{confirmed}/cancel"' not in page.text
    for what in (f"/reservations/{confirmed}/cancel", f"/v1/reservations/{confirmed}/cancel"):
        assert (await web.post(what, None, headers=browser)).status_code == 404
    assert (await web.get(f"/reservations/{held}", headers=browser)).status_code == 404  # only of that one
    assert (await web.get(tampered(link))).status_code == 401
    assert (await web.get(link.replace(confirmed, held))).status_code == 401


async def test_a_link_that_is_asked_for_is_good_once_and_shows_everything(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    [confirmed, held, _], _ = await sell_three(web)
    answers = [await web.post("/tickets", data={"email": it}) for it in ("ann@example.org", "no@example.org")]
    texts = [re.sub(r"\w+@example", "x@example", it.text) for it in answers]
    assert texts[0] == texts[1]
    assert (await web.post("/tickets", data={"email": "no address"})).status_code == 422
    link = link_in(await wait_for_mail(server, "Your link to your tickets"))
    token = link.partition("token=")[2]
    for _ in range(2):  # a scanner follows it
        assert "Show my tickets" in (await web.get(link)).text
    assert token not in repr(await stores.postgres.fetch("SELECT * FROM ticket_links"))
    used = await web.post("/tickets/open", data={"token": token})
    assert (used.status_code, used.headers["location"]) == (303, "/reservations")
    browser = cookies_of(used)
    mine = await web.get("/reservations", headers=browser)
    assert all(f"/reservations/{it}" in mine.text for it in (confirmed, held))
    assert (
        f'action="/reservations/{confirmed}/cancel"'
        in (await web.get(f"/reservations/{confirmed}", headers=browser)).text
    )
    assert (await web.post("/tickets/open", data={"token": token})).status_code == 401
    assert (await web.get(link)).status_code == 401
    for _ in range(4):
        await web.post("/tickets", data={"email": "ann@example.org"})
    query = "SELECT count(*) FROM mails WHERE kind = 'tickets_link'"
    assert await stores.postgres.fetchval(query) == 3  # per day


async def test_the_page_of_a_hold_asks_who_buys_without_script(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    await web.event()
    form: dict[str, Any] = {
        "email": "required",
        "terms_url": "https://example.org/terms",
        "questions": [{"question_id": "size", "label": "Size", "kind": "choice", "options": ["S", "M"]}],
    }
    await web.send("PUT", "/v1/events/gala/buyer-form", json=form, headers=web.as_("admin"))
    place, booking = await web.inside("gala")
    path = f"/reservations/{(await web.reserve('gala', booking)).json()['reservation_id']}"
    browser = {"Cookie": f"__Host-fairgate_place_gala={place['Authorization'].split()[1]}"}
    shown = (await web.get(path, headers=browser)).text
    assert all(it in shown for it in ('name="email"', 'name="answer.size"', "I accept the terms."))
    assert 'name="phone"' not in shown
    fields = {"token": "tok_ok", "idempotency_key": "f", "email": "ann", "answer.size": "M"}
    refused = await web.post(f"{path}/pay", data=fields, headers=browser)
    assert refused.status_code == 422
    assert refused.text.count('aria-invalid="true"') == 2  # the address and the terms
    assert "<option selected>M</option>" in refused.text
    fields |= {"email": "ann@example.org", "terms": "yes"}
    assert (await web.post(f"{path}/pay", data=fields, headers=browser)).status_code == 303
    answer = await web.get(f"/v1{path}/buyer", headers=place)
    assert (answer.json()["email"], answer.json()["answers"]) == ("ann@example.org", {"size": "M"})
    await wait_for_mail(server, "Your tickets: Gala")
