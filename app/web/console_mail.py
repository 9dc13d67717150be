"""The console's pages of mails: what was sent, what waits and why; without an SMTP server, all of them."""

from __future__ import annotations

from base64 import b64encode

import msgspec
from quart import Quart, Response

from app import letters, mails
from app.core.errors import Conflict
from app.core.model import Account
from app.store.mails import MailRow
from app.web.console import staff, who
from app.web.credentials import author
from app.web.http import Request
from app.web.page_entry import page
from app.web.page_forms import see
from app.web.page_render import respond

PER_PAGE = 50
PAGE_MAX = 10_000


class MailsPage(msgspec.Struct, frozen=True):
    """A part of the mails, the newest first."""

    account: Account
    who: str
    mails: list[MailRow]
    total: int
    number: int
    more: bool
    kept: bool  # there is no server to send them


class MailPage(msgspec.Struct, frozen=True):
    """One mail; `html` with its pictures in it."""

    account: Account
    who: str
    mail: MailRow
    html: str
    problem: str = ""


async def mail_list(request: Request) -> Response:
    """The mails."""
    account = await staff(request)
    if account is None:
        return see("/admin")
    number = _number(request.query)
    found, total = await mails.page(request.app.stores, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)
    kept = not request.app.settings.smtp_url.get_secret_value()
    more = number * PER_PAGE < total
    document = MailsPage(account, await who(request, account), found, total, number, more, kept)
    return respond("console/mails.html", document)


async def mail(request: Request) -> Response:
    """One mail."""
    account = await staff(request)
    return see("/admin") if account is None else await _mail(request, account)


async def send_again(request: Request) -> Response:
    """Send a mail that was given up, kept, or may not have arrived."""
    account, mail_id = await staff(request), request.params["mail_id"]
    if account is None:
        return see("/admin")
    try:
        await mails.send_again(request.app.stores, mail_id, by=author(request, account))
    except Conflict as refusal:
        return await _mail(request, account, refusal.detail, refusal.status)
    return see(f"/admin/mail/{mail_id}")


async def _mail(request: Request, account: Account, problem: str = "", status: int = 200) -> Response:
    found = await mails.get(request.app.stores, request.params["mail_id"])
    document = MailPage(account, await who(request, account), found, _with_pictures(found), problem)
    return respond("console/mail.html", document, status)


def _with_pictures(it: MailRow) -> str:
    html = it.html
    for number, code in reversed(list(enumerate(it.codes, 1))):
        data = b64encode(letters.picture(code)).decode()
        html = html.replace(f'"cid:ticket-{number}"', f'"data:image/png;base64,{data}"')
    return html


def _number(query: bytes) -> int:
    """The page that was asked for; the first one for anything else."""
    digits = query.removeprefix(b"page=")
    number = int(digits) if digits.isdigit() and len(digits) <= 5 else 1
    return min(max(number, 1), PAGE_MAX)


def register_mail_pages(app: Quart) -> None:
    """Add them to the console."""
    app.add_url_rule("/admin/mail", "console_mails", page(mail_list), methods=["GET"])
    app.add_url_rule("/admin/mail/<mail_id>", "console_mail", page(mail), methods=["GET"])
    app.add_url_rule("/admin/mail/<mail_id>/again", "console_form_mail", page(send_again), methods=["POST"])
