"""The console's job pages: progress, failures and files."""

from __future__ import annotations

import re

import msgspec
from quart import Response

from app.catalogue import events
from app.core.errors import Conflict, RoleRequired, ValidationFailed
from app.core.formats import SLUG
from app.core.jobs import (
    EXPORTS,
    FORMATS,
    SUBJECT_MAX,
    TEXT_MAX,
    UNFINISHED,
    FileFormat,
    JobKind,
    JobRequest,
)
from app.core.model import Event, EventId, Role
from app.jobs import control as jobs
from app.store.sql.jobs.jobs import Failure, Job
from app.web.api.orders.orders import CSV
from app.web.console.frame import console_form, console_page
from app.web.console.orders.orders import order_filter
from app.web.console.query import PER_PAGE, filters_of, page_number, to_page
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.cache_control import NO_STORE
from app.web.http.quart_adapter import quart_response
from app.web.http.routes import Request
from app.web.http.routes import Response as Answer
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

WORDS: dict[JobKind, str] = {
    "export_orders": "Orders",
    "export_tickets": "Tickets, one a row",
    "export_money": "Payments and refunds",
    "export_audit": "Audit log",
    "cancel_orders": "Cancel and refund orders",
    "message_buyers": "Message to the buyers",
    "tell_moved": "Mails about the new date",
    "make_codes": "Create codes",
}
ROLES: dict[JobKind, Role] = {
    **dict.fromkeys(EXPORTS, "operator"),
    "cancel_orders": "admin",
    "message_buyers": "admin",
    "tell_moved": "admin",
    "make_codes": "admin",
}
FILES: dict[str, tuple[JobKind, FileFormat]] = {  # orders.csv, tickets.xlsx ...
    f"{kind.removeprefix('export_')}.{form}": (kind, form) for kind in EXPORTS for form in FORMATS
}
XLSX = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHIPS = {"queued": "off", "running": "warn", "done": "good", "failed": "bad", "stopped": "off"}


class JobView(msgspec.Struct, frozen=True):
    """A job as shown on pages."""

    row: Job
    title: str
    chip: str
    unfinished: bool
    may_stop: bool
    file: str  # its address; "" if it has none


class JobsPage(msgspec.Struct, frozen=True):
    """One page of jobs, newest first."""

    staff: Staff
    jobs: list[JobView]
    total: int
    number: int
    more: bool
    to_page: str


class JobPage(msgspec.Struct, frozen=True):
    """One job; `failures`: the orders it could not process."""

    staff: Staff
    job: JobView
    failures: list[Failure]
    problem: str = ""


class MessagePage(msgspec.Struct, frozen=True):
    """The form for a message to all buyers of an event."""

    staff: Staff
    event: Event
    subject: str
    text: str
    subject_max: int
    text_max: int
    problem: str = ""


@console_page("/admin/jobs", section="Jobs")
async def job_list(request: Request, staff: Staff) -> Response:
    """List the jobs."""
    fields = filters_of(request)
    number = page_number(fields)
    listed, total = await jobs.page(request.app.stores, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)
    views, more = [_job_view(staff, it) for it in listed], number * PER_PAGE < total
    return respond("console/jobs.html", JobsPage(staff, views, total, number, more, to_page(request, fields)))


@console_page("/admin/jobs/<job_id>", section="Jobs")
async def job(request: Request, staff: Staff) -> Response:
    """Show one job."""
    return await _job(request, staff)


@console_page("/admin/jobs/<job_id>/file", section="Jobs")
async def job_file(request: Request, staff: Staff) -> Response:
    """Download the job's file."""
    job_id, stores = request.params["job_id"], request.app.stores
    job, _ = await jobs.get(stores, job_id)
    if job.kind == "make_codes" and job.event_id and job.request.ids:
        event, _ = await events.event(stores, EventId(job.event_id))
        return redirect_to(f"/admin/rooms/{event.room_id}/codes.csv?set={job.request.ids[0]}")
    file, pieces = await jobs.open_file(stores, job_id)
    about, form = file.kind.removeprefix("export_"), file.request.format
    name = f"{file.event_id}-{about}" if file.event_id else about
    headers = [(b"content-disposition", f'attachment; filename="{name}.{form}"'.encode()), NO_STORE]
    return quart_response(Answer(200, pieces, headers, XLSX if form == "xlsx" else CSV))


@console_form("/admin/jobs/<job_id>/stop", section="Jobs")
async def stop_job(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Stop the job."""
    job_id = request.params["job_id"]
    job, _ = await jobs.get(request.app.stores, job_id)
    _needed(staff, job.kind)
    try:
        await jobs.stop(request.app.stores, job_id, by=staff.by)
    except Conflict as refusal:
        return await _job(request, staff, message_of(refusal), refusal.status)
    return redirect_to(f"/admin/jobs/{job_id}")


@console_form("/admin/orders/file", section="Orders")
async def make_file(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Start a job that exports these orders; `file` selects the contents and the format."""
    word = form.get("file", "orders.csv")
    chosen = next((it for it in FILES if it == word), None)
    if chosen is None:
        raise ValidationFailed("file", f"must be one of {', '.join(FILES)}")
    kind, file_format = FILES[chosen]
    return await _start(request, staff, kind, form, file_format)


@console_form("/admin/orders/cancel", section="Orders", role="admin")
async def cancel_orders(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Start a job that cancels and refunds these orders."""
    return await _start(request, staff, "cancel_orders", form)


@console_page("/admin/orders/message", section="Orders", role="admin")
async def message_form(request: Request, staff: Staff) -> Response:
    """Show the form for a message to the buyers of an event."""
    return await _message(request, staff, filters_of(request))


@console_form("/admin/orders/message", section="Orders", role="admin")
async def message_buyers(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Start a job that sends the message to all of them."""
    request_of = JobRequest(
        event_id=_event_id(form), subject=form.get("subject", "").strip(), text=_text(form)
    )
    try:
        job_id = await jobs.start(
            request.app.stores, request.app.job_queue, "message_buyers", request_of, by=staff.by
        )
    except Conflict as refusal:
        return await _message(request, staff, form, message_of(refusal), refusal.status)
    return redirect_to(f"/admin/jobs/{job_id}")


async def _start(
    request: Request, staff: Staff, kind: JobKind, form: dict[str, str], file_format: FileFormat = "csv"
) -> Response:
    fields = {name: value for name, value in form.items() if value}
    request_of = JobRequest(*await order_filter(request, fields, staff.zone), format=file_format)
    job_id = await jobs.start(request.app.stores, request.app.job_queue, kind, request_of, by=staff.by)
    return redirect_to(f"/admin/jobs/{job_id}")


async def _message(
    request: Request, staff: Staff, form: dict[str, str], problem: str = "", status: int = 200
) -> Response:
    event, _ = await events.event(request.app.stores, EventId(_event_id(form)))
    document = MessagePage(
        staff,
        event,
        form.get("subject", ""),
        form.get("text", ""),
        SUBJECT_MAX,
        TEXT_MAX,
        problem,
    )
    return respond("console/message.html", document, status)


def _event_id(fields: dict[str, str]) -> str:
    event_id = fields.get("event", "")
    if not re.fullmatch(SLUG, event_id):
        raise ValidationFailed("event", "is no event_id")
    return event_id


def _text(form: dict[str, str]) -> str:
    """The message typed in the form; browsers end lines with CRLF."""
    return form.get("text", "").replace("\r\n", "\n").strip()


async def _job(request: Request, staff: Staff, problem: str = "", status: int = 200) -> Response:
    job, failures = await jobs.get(request.app.stores, request.params["job_id"])
    return respond("console/job.html", JobPage(staff, _job_view(staff, job), failures, problem), status)


def _job_view(staff: Staff, job: Job) -> JobView:
    has_file = job.kind in (*EXPORTS, "make_codes") and job.state == "done"
    return JobView(
        job,
        WORDS[job.kind] + (f" as {job.request.format.upper()}" if job.kind in EXPORTS else ""),
        CHIPS[job.state],
        job.state in UNFINISHED,
        job.state in UNFINISHED and staff.may(ROLES[job.kind]),
        f"/admin/jobs/{job.job_id}/file" if has_file else "",
    )


def _needed(staff: Staff, kind: JobKind) -> None:
    if not staff.may(ROLES[kind]):
        raise RoleRequired(f"Only an account with the role {ROLES[kind]} can do this.")
