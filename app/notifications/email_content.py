"""What mails say, from templates: plain text, whose first line is the subject, and HTML; each ticket with its
code as a picture. In the language of the visitor, else of the room; times in the zone of the event."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app import i18n
from app.core import formatting
from app.core.clock import to_ms
from app.core.email import CLAIM_LINK_S, ClaimSigner, MailKind, address
from app.core.jobs import JobRequest
from app.core.model import Item
from app.core.password_resets import ResetSigner
from app.core.seating import SeatName, seat_name
from app.core.zones import UTC
from app.notifications import alert_mail
from app.notifications.alert_mail import AlertView
from app.settings import Settings
from app.store.sql.mails import Mail

TEMPLATES = Path(__file__).parents[2] / "templates" / "mail"
QR_SCALE, QR_BORDER = 6, 3
SECRET_LINK = "(a link that is shown to nobody else)"
_GAPS = re.compile(r"\n{3,}")
# In which states of the reservation a mail is still true. One that was overtaken is not sent.
TRUE_WHILE: dict[MailKind, tuple[str, ...]] = {
    "held": ("held", "paying"),
    "confirmed": ("confirmed",),
    "cancelled": ("cancelled",),
    "reminder": ("confirmed",),
}


class EmailContent(NamedTuple):
    """A written e-mail. In the HTML the picture of the first code is `cid:ticket-1`."""

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
    """A ticket and the name of its picture."""

    name: str
    seat: SeatName | None
    code: str
    picture: str


class NoLongerNeeded(Exception):
    """The e-mail is no longer needed; the message says why."""


class Writer(NamedTuple):
    """What e-mails are written with: our address for links, "" if it is unknown."""

    base_url: str
    signer: ClaimSigner | None
    resets: ResetSigner | None


def open_writer(settings: Settings) -> Writer:
    """The writer of this process. Without a secret there are no links to add a reservation to an account."""
    secret = settings.secret.get_secret_value().encode()
    base_url = settings.public_url.rstrip("/")
    if not secret:
        return Writer(base_url, None, None)
    return Writer(base_url, ClaimSigner(secret), ResetSigner(secret))


def write(writer: Writer, it: Mail) -> EmailContent:
    """Write the e-mail. Raises NoLongerNeeded."""
    _check_needed(writer, it)
    language = i18n.choose([it.locale or "", it.room_locale or ""])
    names = msgspec.json.decode(it.type_names, type=dict[str, str])
    tickets = _tickets_of(it, names)
    said = msgspec.json.decode(it.message, type=JobRequest) if it.message else JobRequest()
    shown: dict[str, object] = {
        "it": it,
        "message_subject": said.subject,
        "message_text": said.text,
        "name": it.event_name or it.room_name,
        "starts_at_ms": to_ms(it.starts_at),
        "until_ms": to_ms(it.until),
        "zone": it.timezone or UTC,
        "lines": [_line(names, item, it.currency or "", language) for item in _items(it.items)],
        "tickets": tickets,
        "room_url": _url(writer, f"/rooms/{it.room_id}"),
        "reservation_url": _url(writer, f"/reservations/{it.reservation_id}") if it.reservation_id else "",
        "confirm_url": _url(writer, f"/confirm/{it.confirm_token}"),
        "confirm_code": it.confirm_code or "",
        "reset_url": reset_url(writer, it),
        "site": urlsplit(writer.base_url).netloc,
        "alert": _alert(writer, it),
        "claim_url": claim_url(writer, it) if it.kind in ("held", "confirmed") else "",
    }
    templates = _templates(language)
    text = templates.get_template(f"{it.kind}.txt").render(shown)
    text = _GAPS.sub("\n\n", text)  # where something was left out
    subject = text.partition("\n")[0]
    html = templates.get_template(f"{it.kind}.html").render(shown, subject=subject)
    return EmailContent(subject, text, html, [ticket.code for ticket in tickets])


def _check_needed(writer: Writer, it: Mail) -> None:
    """Raise NoLongerNeeded for an e-mail that has become useless."""
    if it.overdue:
        raise NoLongerNeeded("It was too late to be of use.")
    if it.kind == "message" and it.message is None:
        raise NoLongerNeeded("The job that had it sent is not kept any more.")
    if it.kind == "alert" and it.alert is None:
        raise NoLongerNeeded("The alert is not kept any more.")
    if it.kind == "reset_password" and not reset_url(writer, it):
        raise NoLongerNeeded(
            "The worker lacks FAIRGATE_SECRET or FAIRGATE_PUBLIC_URL, which its link is made of."
        )
    if it.kind == "confirm_address" and it.confirm_token != it.subject_id:
        raise NoLongerNeeded("Another address was left meanwhile.")
    true_while = TRUE_WHILE.get(it.kind)
    if true_while is not None and it.status not in true_while:
        raise NoLongerNeeded(f"The reservation is {it.status} meanwhile.")


def _alert(writer: Writer, it: Mail) -> AlertView | None:
    """The alert that an e-mail is about; its subject is `ID started|ended ACCOUNT`."""
    if not it.alert:
        return None
    return alert_mail.view(it.alert, it.room_name, writer.base_url, ended=" ended " in it.subject_id)


def _tickets_of(it: Mail, names: dict[str, str]) -> list[Ticket]:
    if it.kind not in ("confirmed", "reminder"):
        return []
    return [
        Ticket(
            names.get(each["ticket_type_id"] or "", ""),
            seat_name(each["seat_id"]) if each["seat_id"] else None,
            each["code"] or "",
            f"ticket-{n}",
        )
        for n, each in enumerate(_tickets(it.tickets), 1)
    ]


def readable_copy(writer: Writer, it: Mail, content: EmailContent) -> EmailContent:
    """The e-mail as staff may read it: without a link that would let them take the account over."""
    url = reset_url(writer, it)
    if not url:
        return content
    body, html = (text.replace(url, SECRET_LINK) for text in (content.body, content.html))
    return content._replace(body=body, html=html)


def reset_url(writer: Writer, it: Mail) -> str:
    """The link to choose a new password; "" in other e-mails."""
    if it.kind != "reset_password" or writer.resets is None or not writer.base_url:
        return ""
    return _url(writer, f"/admin/reset-password?token={writer.resets.token(it.subject_id)}")


def claim_url(writer: Writer, it: Mail) -> str:
    """The link to add a guest's reservation to the mailbox's account; "" if there is none."""
    if not it.guest or writer.signer is None or not writer.base_url or it.reservation_id is None:
        return ""
    exp = int(it.created_at.timestamp()) + CLAIM_LINK_S
    signature = writer.signer.sign(it.reservation_id, it.recipient, exp)
    return _url(writer, f"/v1/reservations/{it.reservation_id}/claim?expires={exp}&signature={signature}")


def message(it: Mail, content: EmailContent, sender: str) -> EmailMessage:
    """The mail as it is sent. Its Message-ID is the mail's id, so that a copy can be recognised.

    Raises ValueError when the recipient is no address.
    """
    recipient = address(it.recipient)
    mail = EmailMessage(policy=(SMTP if recipient.addr_spec.isascii() else SMTPUTF8).clone(cte_type="7bit"))
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = content.subject
    mail["Date"] = format_datetime(it.created_at)
    mail["Message-ID"] = f"<{it.mail_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(content.body)
    mail.add_alternative(content.html, subtype="html")
    *_, html = mail.iter_parts()
    assert isinstance(html, EmailMessage)
    for number, code in enumerate(content.codes, 1):
        name = f"ticket-{number}"
        html.add_related(
            picture(code), "image", "png", cid=f"<{name}>", filename=f"{name}.png", disposition="inline"
        )
    return mail


def picture(code: str) -> bytes:
    """The QR code of a ticket as PNG."""
    out = BytesIO()
    segno.make(code, micro=False).save(out, kind="png", scale=QR_SCALE, border=QR_BORDER)
    return out.getvalue()


_items: Callable[[str], list[Item]] = msgspec.json.Decoder(list[Item]).decode
_tickets: Callable[[str], list[dict[str, str | None]]] = msgspec.json.Decoder(
    list[dict[str, str | None]]
).decode


def _line(names: dict[str, str], item: Item, currency: str, language: str) -> TicketLine:
    name = names.get(item.ticket_type_id, item.ticket_type_id)
    return TicketLine(item.quantity, name, formatting.money(item.price, currency, language))


def _url(writer: Writer, path: str) -> str:
    return f"{writer.base_url}{path}" if writer.base_url else ""


@cache
def _templates(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    i18n.install(environment, language)
    return environment
