"""Mail in the recipient's language; every mail can be written in every language."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from app import i18n
from app.core.notifications.email import MailKind
from app.notifications import email_content
from app.settings import Settings
from app.store.sql.notifications.mails import Mail
from tests.routes.conftest import Web
from tests.routes.mailing import BASE, inside, server, settings, text_of, wait_for_mail
from tests.support.mail_server import MailServer
from worker.context import WorkerContext

__all__ = ["server", "settings"]

WITHOUT_A_TIME: tuple[MailKind, ...] = (
    *("cancelled", "refunded", "confirm_address", "transferred"),
    "room_invite",
)
ABOUT_NO_SALE: tuple[MailKind, ...] = ("reset_password", "invite", "tickets_link", "fan_code")
NEVER = datetime(2030, 6, 1, 19, tzinfo=UTC)
# What mails of a sale are written from, whatever they are about.
IN_EVERY_MAIL: dict[str, Any] = {
    **{"event_name": "A & B", "room_id": "gala", "timezone": "Europe/Paris"},
    **dict.fromkeys(("starts_at", "until", "created_at", "moved_from", "refund_until"), NEVER),
    **{"amount": 1, "refunded": 1, "currency": "EUR", "overdue": False, "cancelled": "[]"},
    **{"holder": "", "own_words": "{}", "accent": "", "notice": "Sorry!"},
    **{"confirm_token": "t", "confirm_code": "012345", "subject_id": "t"},
    "message": '{"subject":"About A & B","text":"Doors open at 19:00."}',
    **{"type_names": '{"floor":"Floor"}', "items": '[{"ticket_type_id":"floor","quantity":1}]'},
    "tickets": '[{"ticket_type_id":"floor","seat_id":"floor-a-7","code":"ABC"}]',
}
STATUSES: dict[MailKind, str] = {  # reservation status, where it is not held
    **dict.fromkeys(("confirmed", "reminder", "moved", "ticket", "transfer_offer"), "confirmed"),
    "cancelled": "cancelled",
}


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
    body = {"email": "ann@example.org"} | ({"locale": joined} if joined else {})
    headers = {"Accept-Language": accepts} if accepts else {}
    _, booking = await inside(web, "gala", json=body, headers=headers)
    assert (await web.reserve("gala", booking)).status_code == 201
    held = await wait_for_mail(server, subject)
    for kind in ("plain", "html"):
        text = text_of(held, kind)
        assert until in text
        assert "05:00 (Asia/Tokyo)" in text  # when it starts
        assert text.count("(Asia/Tokyo)") == 2  # and the payment deadline


def a_mail(kind: MailKind, language: str) -> Mail:
    """A mail of this kind, as the store passes it to the writer."""
    values: dict[str, Any] = dict.fromkeys(Mail._fields)
    values |= IN_EVERY_MAIL | {"kind": kind, "locale": language, "status": STATUSES.get(kind, "held")}
    return Mail(**values)


@pytest.mark.parametrize("kind", [it for it in get_args(MailKind) if it not in ("alert", "test")])
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_mail_can_be_written_in_every_language(kind: MailKind, language: str) -> None:
    mail = a_mail(kind, language)
    settings = Settings(public_url=BASE, secret=SecretStr("s" * 40))
    letter = email_content.write(email_content.open_writer(settings), mail)
    assert letter.subject.endswith("A & B") != (kind in ABOUT_NO_SALE)
    assert f'lang="{language}"' in letter.html
    assert ("A &amp; B</h1>" in letter.html) != (kind in ABOUT_NO_SALE)
    told_a_time = kind not in (*WITHOUT_A_TIME, *ABOUT_NO_SALE)
    assert ("21:00 (Europe/Paris)" in letter.body) == ("21:00 (Europe/Paris)" in letter.html) == told_a_time
