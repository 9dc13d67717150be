"""The e-mails of a sale (their texts, a preview, a test e-mail, the sender), and its buyer form."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr

import msgspec
from quart import Response

from app import i18n
from app.catalogue import buyer_form
from app.core.errors import Conflict, ValidationFailed
from app.core.model import Room
from app.core.notifications.email import MailKind
from app.core.notifications.mail_texts import EDITABLE, OTHERS, MailText
from app.core.reservations.buyers import QUESTIONS_MAX, BuyerForm, Question
from app.core.text.validation_messages import validation_failed
from app.notifications import mail_texts
from app.web.console.frame import console_form, console_page
from app.web.console.query import filters_of
from app.web.console.sale.codes import sale_of
from app.web.console.sale.kept_buyers import as_in_all, days_of, retention_words
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

SPARE = 2  # blank questions below the existing ones


class LanguageOption(msgspec.Struct, frozen=True):
    """A language to choose; `own`: whether the sale has its own texts for this e-mail in it."""

    tag: str
    name: str
    own: bool


class MailsPage(msgspec.Struct, frozen=True):
    """The text of one kind of e-mail in one language; `language` "": for all languages without texts of their
    own.

    `shown_in`: the language of the preview. `domain`: where SPF and DKIM have to be set up.
    """

    staff: Staff
    sale: SaleHead | None
    kinds: Mapping[MailKind, str]
    kind: MailKind
    languages: list[LanguageOption]
    language: str
    shown_in: str
    instead: MailText  # the default texts, used while these are blank
    text: MailText
    subject: str
    preview: str
    sender: str
    domain: str
    sends: bool
    notice: str = ""
    problem: str = ""


class BuyersPage(msgspec.Struct, frozen=True):
    """The form of what buyers are asked for."""

    staff: Staff
    sale: SaleHead | None
    form: BuyerForm
    questions: list[Question | None]
    data_deletion: str  # when personal data is deleted; "": never
    as_in_all: str  # the same for sales without a setting of their own
    notice: str = ""
    problem: str = ""


@console_page("/admin/rooms/<room_id>/mails", section="Sales")
async def sale_mails(request: Request, staff: Staff) -> Response:
    """Show the texts of one kind of e-mail, with a preview."""
    fields = filters_of(request)
    notice = {"saved": "Saved. Mails say it so from now on.", "sent": "A test is on its way to you."}
    chosen = fields.get("kind", ""), fields.get("language", "")
    return await _mails(request, staff, *chosen, notice=notice.get(fields.get("done", ""), ""))


@console_form("/admin/rooms/<room_id>/mails", section="Sales", role="admin")
async def save_mail_text(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Show a preview, save the texts, or send a test of the saved ones."""
    room, _, _ = await sale_of(request)
    kind, language = _kind(form.get("kind", "")), _language(form.get("language", ""))
    try:
        sent = {"subject": form.get("subject", "").strip(), "intro": form.get("intro", "").strip()}
        text = msgspec.convert({**sent, "intro": sent["intro"].replace("\r\n", "\n")}, MailText)
    except msgspec.ValidationError as error:
        message = message_of(validation_failed(error))
        return await _mails(request, staff, kind, language, problem=message, status=422)
    if form.get("do") == "look":
        return await _mails(request, staff, kind, language, text)
    stores, path = request.app.stores, f"/admin/rooms/{room.room_id}/mails?kind={kind}&language={language}"
    await mail_texts.save(stores, room.room_id, kind, language, text, by=staff.by)
    if form.get("do") != "test":
        return redirect_to(f"{path}&done=saved")
    try:
        shown_in = language or i18n.choose([room.settings.locale])
        await mail_texts.send_test(stores, room.room_id, kind, shown_in, by=staff.by)
    except Conflict as refusal:
        return await _mails(request, staff, kind, language, problem=refusal.detail, status=refusal.status)
    return redirect_to(f"{path}&done=sent")


async def _mails(
    request: Request,
    staff: Staff,
    kind: str,
    language: str,
    text: MailText | None = None,
    *,
    notice: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    room, event, _ = await sale_of(request)
    chosen, tag, settings = _kind(kind), _language(language), request.app.settings
    words = await mail_texts.of_kind(request.app.stores, room.room_id, chosen)
    text = words.get(tag, MailText()) if text is None else text
    shown_in = tag or i18n.choose([room.settings.locale])
    instead = words.get(OTHERS, MailText()) if tag else MailText()
    text_shown = instead if text == MailText() else text
    content = mail_texts.preview(settings, room, event, chosen, shown_in, text_shown)
    sender = settings.mail_from
    document = MailsPage(
        staff,
        await _head(request, staff, room, "E-mails"),
        EDITABLE,
        chosen,
        [LanguageOption(it, name, it in words) for it, name in i18n.OWN_NAMES.items()],
        tag,
        i18n.OWN_NAMES[shown_in],
        instead,
        text,
        content.subject,
        content.html,
        sender,
        parseaddr(sender)[1].rpartition("@")[2],
        bool(settings.smtp_url.get_secret_value()),
        notice,
        problem,
    )
    return respond("console/sale_mails.html", document, status)


def _kind(text: str) -> MailKind:
    return next((it for it in EDITABLE if it == text), "confirmed")


def _language(text: str) -> str:
    return text if text in i18n.LANGUAGES else OTHERS


async def _head(request: Request, staff: Staff, room: Room, tab: str) -> SaleHead | None:
    return await sale_head(request, staff, room, tab)


@console_page("/admin/rooms/<room_id>/buyers", section="Sales")
async def sale_buyers(request: Request, staff: Staff) -> Response:
    """Show what buyers are asked for."""
    notice = "Saved. Buyers are asked for this from now on." if filters_of(request).get("done") else ""
    _, event, _ = await sale_of(request)
    return await _buyers(request, staff, await buyer_form.form_of(request.app.stores, event.event_id), notice)


@console_form("/admin/rooms/<room_id>/buyers", section="Sales", role="admin")
async def save_buyer_form(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Save what buyers are asked for from now on."""
    room, event, _ = await sale_of(request)
    try:
        edited = _read(form)
        await buyer_form.set_form(request.app.stores, event.event_id, edited, by=staff.by)
    except ValidationFailed as refusal:
        before = await buyer_form.form_of(request.app.stores, event.event_id)
        return await _buyers(request, staff, before, problem=message_of(refusal), status=refusal.status)
    return redirect_to(f"/admin/rooms/{room.room_id}/buyers?done=saved")


async def _buyers(
    request: Request, staff: Staff, form: BuyerForm, notice: str = "", problem: str = "", status: int = 200
) -> Response:
    room, event, _ = await sale_of(request)
    in_all = request.app.settings.buyers_keep_days
    spare = max(0, min(SPARE, QUESTIONS_MAX - len(form.questions)))
    head = await _head(request, staff, room, "Buyers")
    retention = retention_words(event, form, in_all), as_in_all(in_all)
    document = BuyersPage(staff, head, form, [*form.questions, *[None] * spare], *retention, notice, problem)
    return respond("console/sale_buyers.html", document, status)


def _read(form: Mapping[str, str]) -> BuyerForm:
    """Parse the form, without blank questions. Raises ValidationFailed naming the field."""
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
    more["keep_days"] = days_of(form)
    try:
        return msgspec.convert({**sent, **more, "questions": questions}, BuyerForm)
    except msgspec.ValidationError as error:
        raise validation_failed(error) from None
