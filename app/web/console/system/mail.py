"""The console's e-mail pages: sent and waiting ones, with reasons; without SMTP, all e-mails end here."""

from __future__ import annotations

from base64 import b64encode
from typing import get_args

import msgspec
from quart import Response

from app.core.errors import Conflict
from app.core.notifications.email import MailState
from app.notifications import email_content
from app.notifications.channels import email as mails
from app.store.sql.notifications.mails import MailRow
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, one_of, page_number, to_page
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

STATES: tuple[MailState, ...] = get_args(MailState)


class MailsPage(msgspec.Struct, frozen=True):
    """One page of e-mails, newest first."""

    staff: Staff
    mails: list[MailRow]
    query: dict[str, str]
    states: tuple[MailState, ...]
    total: int
    number: int
    more: bool
    to_page: str
    never_sent: bool  # whether e-mails stay here, as no server is configured


class MailPage(msgspec.Struct, frozen=True):
    """One e-mail; `html` has its pictures inlined."""

    staff: Staff
    mail: MailRow
    html: str
    problem: str = ""


@console_page("/admin/mail", section="Mail")
async def mail_list(request: Request, staff: Staff) -> Response:
    """List the e-mails."""
    fields = filters_of(request)
    number, criteria = page_number(fields), (one_of(fields, "state", STATES), fields.get("q"))
    listed, total = await mails.page(
        request.app.stores, *criteria, limit=PER_PAGE, offset=(number - 1) * PER_PAGE
    )
    no_server = not request.app.settings.smtp_url.get_secret_value()
    more, address, states = number * PER_PAGE < total, to_page(request, fields), STATES
    document = MailsPage(staff, listed, fields, states, total, number, more, address, no_server)
    return respond("console/mails.html", document)


@console_page("/admin/mail/<mail_id>", section="Mail")
async def mail(request: Request, staff: Staff) -> Response:
    """Show one e-mail."""
    return await _mail(request, staff)


@console_form("/admin/mail/<mail_id>/again", section="Mail")
async def send_again(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Resend an e-mail that failed, was kept here, or may not have arrived."""
    mail_id = request.params["mail_id"]
    try:
        await mails.send_again(request.app.stores, mail_id, by=staff.by)
    except Conflict as refusal:
        return await _mail(request, staff, message_of(refusal), refusal.status)
    return redirect_to(f"/admin/mail/{mail_id}")


async def _mail(request: Request, staff: Staff, problem: str = "", status: int = 200) -> Response:
    row = await mails.get(request.app.stores, request.params["mail_id"])
    return respond("console/mail.html", MailPage(staff, row, _with_pictures(row), problem), status)


def _with_pictures(row: MailRow) -> str:
    html = row.html
    for number, code in reversed(list(enumerate(row.codes, 1))):
        data = b64encode(email_content.picture(code)).decode()
        html = html.replace(f'"cid:ticket-{number}"', f'"data:image/png;base64,{data}"')
    return html
