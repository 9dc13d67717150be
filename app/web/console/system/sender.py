"""How e-mails are sent: sender, server, the DNS records that receivers check, and a test e-mail.

These settings come from the environment only: every process needs them before it can read a store, a stored
password would end up in every backup, and two conflicting sources make an outage harder to debug.
"""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import urlsplit

import msgspec
from aiosmtplib import SMTPException
from quart import Response

from app.accounts import accounts
from app.core.errors import Conflict
from app.core.text.error_text import describe_error
from app.notifications.channels.email import connected
from app.notifications.sender_domain import Record, domain_of, records
from app.web.console.frame import console_form, console_page
from app.web.console.query import filters_of
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.render import respond

SELECTOR = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
SUBJECT = "A test from Fairgate"
TEXT = "This e-mail shows that Fairgate can send. Nobody has to do anything.\n"


class SenderPage(msgspec.Struct, frozen=True):
    """How e-mails are sent. `records`: as found in DNS; None: not looked up."""

    staff: Staff
    sender: str
    domain: str
    server: str  # without the password; "": not configured
    tls: bool
    user: str
    public_url: str
    selector: str
    records: list[Record] | None
    notice: str = ""
    problem: str = ""


@console_page("/admin/mail/sender", section="Mail", role="admin")
async def mail_sender(request: Request, staff: Staff) -> Response:
    """Show the settings and, on request, the DNS records."""
    return await _page(request, staff)


@console_form("/admin/mail/sender/test", section="Mail", role="admin")
async def send_test(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Send a test e-mail to the signed-in user, at once."""
    app = request.app
    url, sender = app.settings.smtp_url.get_secret_value(), app.settings.mail_from
    to = (await accounts.account(app.stores, staff.account.subject)).email
    if not url:
        raise Conflict("There is no SMTP server to send with.")
    await app.throttles.invitation(staff.account.subject)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, SUBJECT
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=domain_of(sender))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(TEXT)
    try:
        async with connected(url) as client:
            await client.send_message(message)
    except (SMTPException, OSError) as error:  # TimeoutError is an OSError
        return await _page(
            request, staff, problem=f"The server did not take it: {describe_error(error)}", status=502
        )
    return await _page(request, staff, notice=f"The server took a test to {to}. Look whether it arrives.")


async def _page(
    request: Request, staff: Staff, *, notice: str = "", problem: str = "", status: int = 200
) -> Response:
    settings, fields = request.app.settings, filters_of(request)
    url = urlsplit(settings.smtp_url.get_secret_value())
    domain, selector = domain_of(settings.mail_from), fields.get("selector", "").strip().lower()
    selector = selector if SELECTOR.fullmatch(selector) else ""
    found = await records(domain, selector, settings.dns_servers) if fields.get("look") and domain else None
    port = url.port or (465 if url.scheme == "smtps" else 587)
    document = SenderPage(
        staff=staff,
        sender=settings.mail_from,
        domain=domain,
        server=f"{url.hostname}:{port}" if url.hostname else "",
        tls=url.scheme == "smtps" or bool(url.password),
        user="set" if url.username else "",
        public_url=settings.public_url,
        selector=selector,
        records=found,
        notice=notice,
        problem=problem,
    )
    return respond("console/sender.html", document, status)
