"""Editing a sale in one form: every field of a new sale, with what a change means and for whom.

A change to a draft is saved at once. Later ones have to be confirmed first, on a page with the differences
and their consequences. Two editors at the same time are told about each other's changes.
"""

from __future__ import annotations

import msgspec
from quart import Response

from app.catalogue import editing, sale_lives
from app.catalogue.editing import EditConflict
from app.core.catalogue.sale_edit import Sale, SaleEdit, locked
from app.core.errors import AlreadyExists, Conflict, ValidationFailed
from app.core.jobs import SUBJECT_MAX, TEXT_MAX, JobRequest
from app.core.model import Room, RoomId, RoomStatus, TicketType
from app.core.text import typed
from app.core.zones import zones
from app.jobs import control as jobs
from app.store.away import stores_answer
from app.store.sql.audit import Entry
from app.store.sql.monitoring.sale_figures import Buyers, select_buyers
from app.waiting_room import queue
from app.web.console.frame import console_form, console_page
from app.web.console.sale import edit_effects, edit_form
from app.web.console.sale import money as sale_money
from app.web.console.sale import words as sale_words
from app.web.console.sale.edit_effects import Context, Line
from app.web.console.sale.form import SaleForm
from app.web.console.sale_head import SaleHead, head_of
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

SHOWN_MAX = 10  # changes


class Change(msgspec.Struct, frozen=True):
    """An earlier change: who made it, and what it was."""

    entry: Entry
    who: str
    what: str


class EditPage(msgspec.Struct, frozen=True):
    """The form; or, for a change that fans will see, what it means (`changes`), to be confirmed."""

    staff: Staff
    sale: SaleHead
    form: SaleForm
    zones: list[str]
    gateways: list[str]  # empty if there is no choice
    locked: dict[str, str]
    types: list[TicketType]
    removable: bool  # ticket types may still be removed, as nothing has been reserved
    log: list[Change]  # newest first
    undo: int  # number of the last change if it can be undone, else 0
    overtaken: list[Change]
    changes: list[Line]
    buyers: Buyers
    subject: str
    text: str
    notifies: bool
    adds_tickets: bool = False  # whether tickets or seats are being added
    has_sale_times: bool = False  # whether ticket types have sale times, or invalid ones
    saved: bool = False
    problem: str = ""


class CurrentSale(msgspec.Struct, frozen=True):
    """The sale as it is before the edit."""

    sale: Sale
    status: RoomStatus
    head: SaleHead


@console_page("/admin/rooms/<room_id>/edit", section="Sales", role="admin")
async def edit_page(request: Request, staff: Staff) -> Response:
    """Show the form."""
    current = await _load(request, staff)
    form = SaleForm(edit_form.form_of(current.sale))
    return await _page(request, staff, current, form, saved=b"saved=1" in request.query.split(b"&"))


@console_form("/admin/rooms/<room_id>/edit", section="Sales", role="admin")
async def edit_sale(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Save the change, ask for confirmation, or show what is wrong."""
    current = await _load(request, staff)
    revision = typed.whole_number(form.get("revision", "")) or 0
    if revision < current.sale.revision:
        return await _overtaken(request, staff, current, form, revision)
    read, changes = edit_form.read(form, current.sale)
    if changes is None:
        return await _page(request, staff, current, read, status=ValidationFailed.status)
    if form.get("do") == "back":
        return await _page(request, staff, current, read)
    if changes.is_empty:
        return await _page(
            request, staff, current, read, problem="Nothing is different, so nothing was changed."
        )
    if form.get("do") != "save" and current.head.stage != "draft":
        return await _confirm(request, staff, current, read, changes)
    return await _save(request, staff, current, read, changes, form)


@console_form("/admin/rooms/<room_id>/edit/undo", section="Sales", role="admin")
async def undo_edit(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Undo the last change to the sale."""
    current = await _load(request, staff)
    audit_id = typed.whole_number(form.get("audit_id", "")) or 0
    try:
        await editing.undo(request.app.stores, current.sale.event.event_id, audit_id, by=staff.by)
    except (Conflict, ValidationFailed) as refusal:
        now = SaleForm(edit_form.form_of(current.sale))
        return await _page(request, staff, current, now, problem=refusal.detail, status=refusal.status)
    return _saved(request, current)


async def _save(
    request: Request,
    staff: Staff,
    current: CurrentSale,
    read: SaleForm,
    changes: SaleEdit,
    form: dict[str, str],
) -> Response:
    stores, event_id = request.app.stores, current.sale.event.event_id
    message = JobRequest(event_id=event_id, subject=form.get("subject", "").strip(), text=_text(form))
    notifies = "tell" in form and edit_effects.notifies(changes)
    if notifies and not (message.subject and message.text):
        return await _confirm(
            request, staff, current, read, changes, "The message needs a subject and a text."
        )
    try:
        await editing.edit(stores, event_id, changes, current.sale.revision, by=staff.by)
    except EditConflict:
        return await _overtaken(request, staff, await _load(request, staff), form, current.sale.revision)
    except ValidationFailed as refusal:
        [wrong] = refusal.members["errors"]
        read.wrong[wrong["field"].rpartition(".")[2]] = wrong["message"]
        return await _page(request, staff, current, read, status=refusal.status)
    except (AlreadyExists, Conflict) as refusal:
        return await _page(request, staff, current, read, problem=refusal.detail, status=refusal.status)
    if notifies:
        job_id = await jobs.start(stores, request.app.job_queue, "message_buyers", message, by=staff.by)
        return redirect_to(f"/admin/jobs/{job_id}")
    return _saved(request, current)


def _saved(request: Request, current: CurrentSale) -> Response:
    request.app.status_board.outdated(current.sale.room.room_id)
    return redirect_to(f"/admin/rooms/{current.sale.room.room_id}/edit?saved=1")


async def _confirm(
    request: Request, staff: Staff, current: CurrentSale, read: SaleForm, changes: SaleEdit, problem: str = ""
) -> Response:
    with stores_answer():
        buyers = await select_buyers(request.app.stores.postgres, current.sale.event.event_id)
    lines = edit_effects.lines(changes, Context(current.sale, current.status, buyers))
    notifies = edit_effects.notifies(changes) and buyers.reached > 0
    return await _page(
        request, staff, current, read, problem=problem, changes=lines, buyers=buyers, notifies=notifies
    )


async def _overtaken(
    request: Request, staff: Staff, current: CurrentSale, form: dict[str, str], revision: int
) -> Response:
    """Show the form again, with other people's changes in the fields this editor left alone."""
    later = [
        line for line in await _entries(request, current, editing.CHANGES_MAX) if line.audit_id > revision
    ]
    values = edit_form.merged(form, current.sale, later)
    their_changes = _changes(later[:SHOWN_MAX], current.sale)
    return await _page(
        request, staff, current, SaleForm(values), overtaken=their_changes, status=Conflict.status
    )


async def _page(
    request: Request,
    staff: Staff,
    current: CurrentSale,
    form: SaleForm,
    *,
    changes: list[Line] | None = None,
    buyers: Buyers = Buyers(),  # noqa: B008  # a tuple of numbers
    notifies: bool = False,
    overtaken: list[Change] | None = None,
    saved: bool = False,
    problem: str = "",
    status: int = 200,
) -> Response:
    log = await _entries(request, current, editing.CHANGES_MAX)
    subject, text = edit_effects.letter(changes or [], current.sale.event)
    document = EditPage(
        staff=staff,
        sale=current.head,
        form=form,
        zones=sorted(zones()),
        gateways=sale_money.to_choose_from(request.app.settings.gateways, current.sale.event.payments),
        locked=locked(current.sale),
        types=current.sale.types,
        removable=not current.sale.reserved,
        log=_changes(log[:SHOWN_MAX], current.sale),
        undo=log[0].audit_id if editing.undoable(log) else 0,
        overtaken=overtaken or [],
        changes=changes or [],
        buyers=buyers,
        subject=form.values.get("subject", subject)[:SUBJECT_MAX],
        text=form.values.get("text", text)[:TEXT_MAX],
        notifies=notifies,
        adds_tickets=any(it.startswith(("type-", "section-")) and form.values[it] for it in form.values),
        has_sale_times=_has_sale_times(form),
        saved=saved,
        problem=problem,
    )
    return respond("console/edit_confirm.html" if changes else "console/edit.html", document, status)


def _has_sale_times(form: SaleForm) -> bool:
    names = (*form.wrong, *(name for name, value in form.values.items() if value))
    return any(it.startswith("have-") and it.endswith(edit_form.WINDOW) for it in names)


async def _load(request: Request, staff: Staff) -> CurrentSale:
    room_id = RoomId(request.params["room_id"])
    _, status = await queue.status(request.app.queues, room_id)
    room: Room = await request.app.queues.loaded_rooms.read(room_id)
    sale = await editing.sale(request.app.stores, room)
    life = await sale_lives.life(request.app.stores, sale.event.event_id)
    return CurrentSale(sale, status, head_of(staff, sale.room, sale.event, "Edit", status.state, life))


async def _entries(request: Request, current: CurrentSale, limit: int) -> list[Entry]:
    event = current.sale.event
    return await editing.edits(request.app.stores, event.room_id, event.event_id, limit)


def _changes(entries: list[Entry], sale: Sale) -> list[Change]:
    return [
        Change(it, it.name or it.subject, sale_words.entry_words(it, sale.event, sale.types))
        for it in entries
    ]


def _text(form: dict[str, str]) -> str:
    """The message typed in the form; browsers end lines with CRLF."""
    return form.get("text", "").replace("\r\n", "\n").strip()
