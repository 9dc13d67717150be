"""The e-mails of a sale: their words, as they look, a test, and who sends them. What buyers are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr

import msgspec
from quart import Response

from app.catalogue import buyer_form
from app.core.buyers import QUESTIONS_MAX, BuyerForm, Question
from app.core.email import MailKind
from app.core.errors import Conflict, ValidationFailed
from app.core.mail_texts import EDITABLE, MailText
from app.core.model import Room
from app.core.validation_messages import validation_failed
from app.notifications import mail_texts
from app.web.console.codes import sale_of
from app.web.console.frame import console_form, console_page
from app.web.console.query import filters_of
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.words import told
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

SPARE = 2  # empty questions below those there are


class MailsPage(msgspec.Struct, frozen=True):
    """One kind of mail, as it is written; `domain` is what SPF and DKIM have to be set up for."""

    staff: Staff
    sale: SaleHead | None
    kinds: Mapping[MailKind, str]
    kind: MailKind
    text: MailText
    subject: str
    preview: str
    sender: str
    domain: str
    sends: bool
    notice: str = ""
    problem: str = ""


class BuyersPage(msgspec.Struct, frozen=True):
    """What buyers are asked for."""

    staff: Staff
    sale: SaleHead | None
    form: BuyerForm
    questions: list[Question | None]
    notice: str = ""
    problem: str = ""


@console_page("/admin/rooms/<room_id>/mails", section="Sales")
async def sale_mails(request: Request, staff: Staff) -> Response:
    """The words of one kind of mail, with a preview."""
    fields = filters_of(request)
    notice = {"saved": "Saved. Mails say it so from now on.", "sent": "A test is on its way to you."}
    return await _mails(request, staff, fields.get("kind", ""), notice=notice.get(fields.get("done", ""), ""))


@console_form("/admin/rooms/<room_id>/mails", section="Sales", role="admin")
async def save_mail_text(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Show a preview, save the words, or send a test of what is saved."""
    room, _, _ = await sale_of(request)
    kind = _kind(form.get("kind", ""))
    try:
        sent = {"subject": form.get("subject", "").strip(), "intro": form.get("intro", "").strip()}
        text = msgspec.convert({**sent, "intro": sent["intro"].replace("\r\n", "\n")}, MailText)
    except msgspec.ValidationError as error:
        return await _mails(request, staff, kind, problem=told(validation_failed(error)), status=422)
    if form.get("do") == "look":
        return await _mails(request, staff, kind, text)
    await mail_texts.keep(request.app.stores, room.room_id, kind, text, by=staff.by)
    if form.get("do") != "test":
        return redirect_to(f"/admin/rooms/{room.room_id}/mails?kind={kind}&done=saved")
    try:
        await mail_texts.send_test(request.app.stores, room.room_id, kind, by=staff.by)
    except Conflict as refusal:
        return await _mails(request, staff, kind, problem=refusal.detail, status=refusal.status)
    return redirect_to(f"/admin/rooms/{room.room_id}/mails?kind={kind}&done=sent")


async def _mails(
    request: Request,
    staff: Staff,
    kind: str,
    text: MailText | None = None,
    *,
    notice: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    room, event, _ = await sale_of(request)
    chosen, settings = _kind(kind), request.app.settings
    if text is None:
        text = (await mail_texts.of_room(request.app.stores, room.room_id)).get(chosen, MailText())
    written = mail_texts.preview(settings, room, event, chosen, text)
    sender = settings.mail_from
    document = MailsPage(
        staff,
        await _head(request, staff, room, "E-mails"),
        EDITABLE,
        chosen,
        text,
        written.subject,
        written.html,
        sender,
        parseaddr(sender)[1].rpartition("@")[2],
        bool(settings.smtp_url.get_secret_value()),
        notice,
        problem,
    )
    return respond("console/sale_mails.html", document, status)


def _kind(text: str) -> MailKind:
    return next((it for it in EDITABLE if it == text), "confirmed")


async def _head(request: Request, staff: Staff, room: Room, here: str) -> SaleHead | None:
    return await sale_head(request, staff, room, here)


@console_page("/admin/rooms/<room_id>/buyers", section="Sales")
async def sale_buyers(request: Request, staff: Staff) -> Response:
    """What buyers are asked for."""
    notice = "Saved. Buyers are asked for this from now on." if filters_of(request).get("done") else ""
    _, event, _ = await sale_of(request)
    return await _buyers(request, staff, await buyer_form.form_of(request.app.stores, event.event_id), notice)


@console_form("/admin/rooms/<room_id>/buyers", section="Sales", role="admin")
async def save_buyer_form(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Ask for this from now on."""
    room, event, _ = await sale_of(request)
    try:
        wanted = _read(form)
        await buyer_form.set_form(request.app.stores, event.event_id, wanted, by=staff.by)
    except ValidationFailed as refusal:
        before = await buyer_form.form_of(request.app.stores, event.event_id)
        return await _buyers(request, staff, before, problem=told(refusal), status=refusal.status)
    return redirect_to(f"/admin/rooms/{room.room_id}/buyers?done=saved")


async def _buyers(
    request: Request, staff: Staff, form: BuyerForm, notice: str = "", problem: str = "", status: int = 200
) -> Response:
    room, _, _ = await sale_of(request)
    spare = max(0, min(SPARE, QUESTIONS_MAX - len(form.questions)))
    head = await _head(request, staff, room, "Buyers")
    document = BuyersPage(staff, head, form, [*form.questions, *[None] * spare], notice, problem)
    return respond("console/sale_buyers.html", document, status)


def _read(form: Mapping[str, str]) -> BuyerForm:
    """What the form says; questions without words are left out. Raises ValidationFailed naming the field."""
    questions = []
    for n in range(QUESTIONS_MAX):
        label = form.get(f"label-{n}", "").strip()
        if not label:
            continue
        options = [it.strip() for it in form.get(f"options-{n}", "").split(",") if it.strip()]
        kind = form.get(f"kind-{n}", "text")
        questions.append(
            {
                "question_id": form.get(f"id-{n}", "") or f"q{n + 1}",
                "label": label,
                "kind": kind,
                "options": options if kind == "choice" else [],
                "required": f"required-{n}" in form,
            }
        )
    sent = {name: form.get(name, "off") for name in ("email", "name", "phone")}
    more = {"terms_url": form.get("terms_url", "").strip(), "marketing": "marketing" in form}
    try:
        return msgspec.convert({**sent, **more, "questions": questions}, BuyerForm)
    except msgspec.ValidationError as error:
        raise validation_failed(error) from None
