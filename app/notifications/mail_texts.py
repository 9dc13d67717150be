"""A sale's own e-mail texts: stored, previewed with made-up tickets, and sent as test e-mails."""

from __future__ import annotations

import secrets
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import Conflict
from app.core.model import Event, Room
from app.core.notifications.email import MailKind
from app.core.notifications.mail_texts import MailText
from app.notifications import email_content
from app.notifications.email_content import EmailContent, sample
from app.settings import Settings
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.notifications import mail_texts
from app.store.sql.notifications.mails import Mail


async def of_kind(stores: Stores, room_id: str, kind: MailKind) -> dict[str, MailText]:
    """The sale's texts for a kind of e-mail, by language. Raises StoreUnavailable."""
    with stores_answer():
        return await mail_texts.of_kind(stores.postgres, room_id, kind)


async def save(
    stores: Stores, room_id: str, kind: MailKind, language: str, text: MailText, *, by: Author
) -> None:
    """Store a text for this language, or for all others; also applies to e-mails waiting to be sent.

    Raises StoreUnavailable.
    """
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            before = (await mail_texts.of_kind(connection, room_id, kind)).get(language, MailText())
            await mail_texts.save(connection, room_id, kind, language, text)
            named = f"{kind}_{language}" if language else kind
            fields = {"before": _fields(named, before), "after": _fields(named, text)}
            await audit.record(connection, by, "change", Entity("room", room_id), **fields)


def _fields(named: str, text: MailText) -> dict[str, object]:
    return {f"mail_{named}_{name}": value for name, value in msgspec.structs.asdict(text).items()}


async def send_test(stores: Stores, room_id: str, kind: MailKind, language: str, *, by: Author) -> str:
    """Send a test e-mail in this language with made-up tickets to its requester; returns their address.

    Raises Conflict, StoreUnavailable.
    """
    with stores_answer():
        sent = await mail_texts.queue_test(
            stores.postgres, room_id, kind, language, by.subject, secrets.token_urlsafe(9)
        )
    if not sent:
        raise Conflict("Your account has no address, or too many test e-mails were sent within an hour.")
    return sent


def preview(
    settings: Settings, room: Room, event: Event, kind: MailKind, language: str, text: MailText
) -> EmailContent:
    """Preview the e-mail in this language, in the sale's theme, with made-up tickets."""
    values: dict[str, Any] = {name: None for name in Mail._fields}
    about = Mail(**values)._replace(  # with `sample`, this sets every field that is read
        mail_id="",
        recipient="ann@example.org",
        guest=False,
        created_at=datetime.now(UTC),
        room_id=room.room_id,
        room_name=room.settings.name,
        event_name=event.name,
        venue=event.venue,
        starts_at=event.starts_at,
        timezone=event.timezone,
        locale=language,
        currency=event.currency,
        subject_id="sample",
        own_words=msgspec.json.encode({language: text}).decode(),
        accent=room.settings.theme.accent,
    )
    content = email_content.write(email_content.open_writer(settings), sample(about, kind))
    html = content.html
    for number, code in enumerate(content.codes, 1):  # a page has no MIME parts to refer to
        image = b64encode(email_content.picture(code)).decode()
        html = html.replace(f"cid:ticket-{number}", f"data:image/png;base64,{image}")
    return content._replace(html=html)
