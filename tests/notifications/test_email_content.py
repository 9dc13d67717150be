"""Which e-mails are no longer needed by the time they would be sent, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from app.core.notifications.email import MailKind
from app.notifications import email_content
from app.notifications.email_content import NoLongerNeeded
from app.settings import Settings
from tests.routes.mailing import BASE
from tests.routes.system.test_mail_languages import NEVER, a_mail

SETTINGS = Settings(public_url=BASE, secret=SecretStr("s" * 40))


@pytest.mark.parametrize(
    ("kind", "overtaken", "why"),
    [
        ("your_turn", {"overdue": True}, "too late"),
        ("message", {"message": None}, "job that sent it no longer exists"),
        ("alert", {"alert": None}, "alert no longer exists"),
        ("confirm_address", {"confirm_token": "another"}, "another address since"),
        ("refunded", {"refunded": 0}, "refunded before"),
        ("moved", {"until": NEVER + timedelta(days=1)}, "moved again"),
        ("moved", {"cancelled_at": NEVER}, "event was cancelled"),
        ("reminder", {"cancelled_at": NEVER}, "event was cancelled"),
        ("held", {"status": "confirmed"}, "already confirmed"),
        ("cancelled", {"status": "held"}, "already held"),
    ],
)
def test_what_was_overtaken_is_not_written(kind: MailKind, overtaken: dict[str, Any], why: str) -> None:
    writer, mail = email_content.open_writer(SETTINGS), a_mail(kind, "en")
    if kind != "alert":  # which has its own tests
        assert email_content.write(writer, mail).subject
    with pytest.raises(NoLongerNeeded, match=why):
        email_content.write(writer, mail._replace(**overtaken))


def test_a_refund_of_nothing_that_cancelled_tickets_is_told() -> None:
    cancelled = '[{"ticket_type_id":"floor","seat_id":null,"code":"ABC"}]'
    free = a_mail("refunded", "en")._replace(refunded=0, cancelled=cancelled)
    assert email_content.write(email_content.open_writer(SETTINGS), free).subject


def test_a_secret_link_that_cannot_be_made_is_not_sent_without() -> None:
    writer = email_content.open_writer(Settings(secret=SecretStr("s" * 40)))
    with pytest.raises(NoLongerNeeded, match="FAIRGATE_PUBLIC_URL"):
        email_content.write(writer, a_mail("reset_password", "en"))
