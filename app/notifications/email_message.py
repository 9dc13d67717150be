"""An e-mail as it is sent: its content, inline images, and attachments."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import NamedTuple

from app.core.notifications.email import address
from app.notifications.email_content import EmailContent, picture
from app.store.sql.notifications.mails import Mail


class Attachment(NamedTuple):
    """An attachment of an e-mail."""

    content: bytes
    media_type: str
    name: str


def message(
    queued: Mail, content: EmailContent, sender: str, files: Sequence[Attachment] = ()
) -> EmailMessage:
    """Build the e-mail as it is sent, with its tickets attached. Its Message-ID is the id of the e-mail, so
    that a copy can be recognised.

    Raises ValueError if the recipient is not an address.
    """
    recipient = address(queued.recipient)
    mail = EmailMessage(policy=(SMTP if recipient.addr_spec.isascii() else SMTPUTF8).clone(cte_type="7bit"))
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = content.subject
    mail["Date"] = format_datetime(queued.created_at)
    mail["Message-ID"] = f"<{queued.mail_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
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
    for file in files:
        kind, _, subtype = file.media_type.partition("/")
        mail.add_attachment(file.content, kind, subtype, filename=file.name)
    return mail
