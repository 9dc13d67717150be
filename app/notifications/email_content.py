"""The content of e-mails, rendered from templates: plain text, whose first line is the subject, and HTML,
with each ticket's code as an image.

In the visitor's language, or else the room's; times are in the event's time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec
import segno
from jinja2 import Environment, select_autoescape

from app import i18n, templating
from app.core.catalogue.seating import SeatName, seat_name
from app.core.clock import to_ms
from app.core.jobs import JobRequest
from app.core.model import Item
from app.core.notifications.email import MailKind
from app.core.notifications.mail_texts import EVENT, read_words, words_in
from app.core.text import formatting
from app.core.zones import UTC
from app.notifications import alert_mail, mail_links
from app.notifications.alert_mail import AlertView
from app.notifications.mail_links import Writer, open_writer
from app.notifications.mail_sums import sums_of_mail
from app.store.sql.notifications.mails import Mail

__all__ = ["EmailContent", "NoLongerNeeded", "Writer", "open_writer", "readable_copy", "write"]

TEMPLATES = Path(__file__).parents[2] / "templates" / "mail"
QR_SCALE, QR_BORDER = 6, 3
SECRET_LINK = "(a link that is shown to nobody else)"
_PLACE = re.compile(r"/carry\?place=[\w.-]+")  # moves a place to another browser
_GAPS = re.compile(r"\n{3,}")
A_LINK: tuple[MailKind, ...] = (
    "reset_password",
    "invite",
    "room_invite",
    "tickets_link",
    "transfer_offer",
    "fan_code",
)
# The states of the reservation in which an e-mail is still true. Outdated ones are not sent.
TRUE_WHILE: dict[MailKind, tuple[str, ...]] = {
    "held": ("held", "paying"),
    "confirmed": ("confirmed",),
    "cancelled": ("cancelled",),
    "reminder": ("confirmed",),
    "moved": ("confirmed",),
    "transfer_offer": ("confirmed",),
    "ticket": ("confirmed",),
}


class EmailContent(NamedTuple):
    """A rendered e-mail. In the HTML the image of the first code is `cid:ticket-1`."""

    subject: str
    body: str
    html: str
    codes: list[str]


class TicketLine(NamedTuple):
    """Tickets of one type."""

    quantity: int
    name: str
    price: str


class Ticket(NamedTuple):
    """A ticket and the name of its image."""

    name: str
    seat: SeatName | None
    code: str
    picture: str


class NoLongerNeeded(Exception):
    """The e-mail is no longer needed; the message says why."""


def write(writer: Writer, mail: Mail) -> EmailContent:
    """Render the e-mail. Raises NoLongerNeeded."""
    if mail.kind == "test":
        mail = sample(mail, cast(MailKind, mail.subject_id.partition(" ")[0]))
    _check_needed(writer, mail)
    language = i18n.choose([mail.locale or "", mail.room_locale or ""])
    own = words_in(read_words(mail.own_words), language)
    names = msgspec.json.decode(mail.type_names, type=dict[str, str])
    tickets = tickets_of(mail, names)
    job = msgspec.json.decode(mail.message, type=JobRequest) if mail.message else JobRequest()
    fields: dict[str, object] = {
        "it": mail,
        "message_subject": job.subject,
        "message_text": job.text,
        "name": mail.event_name or mail.room_name,
        "starts_at_ms": to_ms(mail.starts_at),
        "until_ms": to_ms(mail.until),
        "zone": mail.timezone or UTC,
        "moved_from_ms": to_ms(mail.moved_from),
        "refund_until_ms": to_ms(mail.refund_until),
        "lines": [_line(names, item, mail.currency or "", language) for item in _items(mail.items)],
        "sums": sums_of_mail(mail),
        "tickets": tickets,
        "cancelled": [_ticket(names, n, each) for n, each in enumerate(_tickets(mail.cancelled), 1)],
        "room_url": mail_links.room_url(writer, mail),
        "reservation_url": mail_links.reservation_url(writer, mail),
        "confirm_url": mail_links.url(writer, f"/confirm/{mail.confirm_token}"),
        "confirm_code": mail.confirm_code or "",
        "secret_url": mail_links.secret_url(writer, mail),
        "site": urlsplit(writer.base_url).netloc,
        "alert": _alert(writer, mail),
        "claim_url": mail_links.claim_url(writer, mail),
        "intro": _with_event_name(mail, own.intro).replace("\r\n", "\n").strip(),
        "accent": mail.accent,
    }
    return _rendered(mail, own.subject, templates(language), fields, [ticket.code for ticket in tickets])


def _rendered(
    mail: Mail, own_subject: str, words: Environment, fields: dict[str, object], codes: list[str]
) -> EmailContent:
    text = words.get_template(f"{mail.kind}.txt").render(fields)
    text = _GAPS.sub("\n\n", text)  # left by omitted parts
    subject, _, rest = text.partition("\n")
    subject = _with_event_name(mail, own_subject) or subject
    text = "\n".join([subject, *(["", str(fields["intro"])] if fields["intro"] else []), rest])
    html = words.get_template(f"{mail.kind}.html").render(fields, subject=subject)
    return EmailContent(subject, text, html, codes)


def _with_event_name(mail: Mail, words: str) -> str:
    """A text of the sale's own, with its name filled in."""
    return words.replace(EVENT, mail.event_name or mail.room_name)


def sample(mail: Mail, kind: MailKind) -> Mail:
    """A sample e-mail of this kind for the same sale, about a made-up ticket."""
    line = '"ticket_type_id": "ticket"'
    return mail._replace(
        kind=kind,
        overdue=False,
        until=mail.starts_at,
        reservation_id="sample",
        status={"held": "held", "cancelled": "cancelled"}.get(kind, "confirmed"),
        amount=5000,
        refunded=5000,
        currency=mail.currency or "EUR",
        items=f'[{{{line}, "quantity": 1, "price": 5000}}]',
        tickets=f'[{{{line}, "seat_id": null, "code": "SAMPLE"}}]',
        type_names='{"ticket": "Ticket"}',
        cancelled="[]",
        notice=mail.notice or "",
        cancelled_at=None,
        moved_from=mail.starts_at,
        refund_until=None,
        message=None,
        alert=None,
        sums=f'{{"items":[{{{line},"quantity":1,"price":5000}}],"discount":0,"tax_rates":{{}}}}',
    )


def _check_needed(writer: Writer, mail: Mail) -> None:
    """Raise NoLongerNeeded for an outdated e-mail."""
    if mail.overdue:
        raise NoLongerNeeded("It would have arrived too late.")
    if mail.kind == "message" and mail.message is None:
        raise NoLongerNeeded("The job that sent it no longer exists.")
    if mail.kind == "alert" and mail.alert is None:
        raise NoLongerNeeded("The alert no longer exists.")
    if mail.kind in A_LINK and not mail_links.secret_url(writer, mail):
        raise NoLongerNeeded("The worker lacks FAIRGATE_SECRET or FAIRGATE_PUBLIC_URL, which its link needs.")
    if mail.kind == "confirm_address" and mail.confirm_token != mail.subject_id:
        raise NoLongerNeeded("The visitor has left another address since.")
    if mail.kind == "refunded" and not mail.refunded and mail.cancelled == "[]":
        raise NoLongerNeeded("Everything was refunded before, and the buyer was notified.")
    if mail.kind == "moved" and mail.until != mail.starts_at:
        raise NoLongerNeeded("The event was moved again.")
    if mail.kind in ("moved", "reminder") and mail.cancelled_at is not None:
        raise NoLongerNeeded("The event was cancelled.")
    true_while = TRUE_WHILE.get(mail.kind)
    if true_while is not None and mail.status not in true_while:
        raise NoLongerNeeded(f"The reservation is already {mail.status}.")


def _alert(writer: Writer, mail: Mail) -> AlertView | None:
    """The alert that an e-mail is about; its subject_id is `ID started|ended ACCOUNT`."""
    if not mail.alert:
        return None
    return alert_mail.view(mail.alert, mail.room_name, writer.base_url, ended=" ended " in mail.subject_id)


def tickets_of(mail: Mail, names: dict[str, str]) -> list[Ticket]:
    """The tickets in an e-mail; none for most kinds."""
    if mail.kind not in ("confirmed", "reminder", "ticket"):
        return []
    return [_ticket(names, n, each) for n, each in enumerate(_tickets(mail.tickets), 1)]


def _ticket(names: dict[str, str], number: int, each: dict[str, Any]) -> Ticket:
    return Ticket(
        names.get(each["ticket_type_id"] or "", ""),
        seat_name(each["seat_id"]) if each["seat_id"] else None,
        each["code"] or "",
        f"ticket-{number}",
    )


def readable_copy(writer: Writer, mail: Mail, content: EmailContent) -> EmailContent:
    """The e-mail as staff may read it: without links with which they could act as its reader."""
    url = mail_links.secret_url(writer, mail)
    body, html = content.body, content.html
    if url:
        body, html = (text.replace(url, SECRET_LINK) for text in (body, html))
    body, html = (_PLACE.sub("", text) for text in (body, html))
    return content._replace(body=body, html=html)


def picture(code: str) -> bytes:
    """The QR code of a ticket as PNG."""
    out = BytesIO()
    segno.make(code, micro=False).save(out, kind="png", scale=QR_SCALE, border=QR_BORDER)
    return out.getvalue()


_items: Callable[[str], list[Item]] = msgspec.json.Decoder(list[Item]).decode
_tickets: Callable[[str], list[dict[str, Any]]] = msgspec.json.Decoder(list[dict[str, Any]]).decode


def _line(names: dict[str, str], item: Item, currency: str, language: str) -> TicketLine:
    name = names.get(item.ticket_type_id, item.ticket_type_id)
    return TicketLine(item.quantity, name, formatting.money(item.price, currency, language))


@cache
def templates(language: str) -> Environment:
    """The templates of e-mails in a language."""
    return templating.environment(
        TEMPLATES, language, autoescape=select_autoescape(["html"]), keep_trailing_newline=True
    )
