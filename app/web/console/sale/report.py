"""The report of a sale as a page, a PDF and a CSV file."""

from __future__ import annotations

import asyncio

import msgspec
from quart import Response

from app.core.model import Room, RoomId
from app.core.monitoring.sections import flat
from app.core.text.csv_rows import csv_rows, plain
from app.monitoring import report
from app.store.away import stores_answer
from app.web.console.frame import console_page, within
from app.web.console.sale.report_document import ReportDocument, report_document
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.http.deadlines import CALL_TIMEOUT_S
from app.web.http.routes import Request
from app.web.pages.render import respond

COLUMNS = ("section", "about", "figure", "value")


class ReportPage(msgspec.Struct, frozen=True):
    """The report of one room."""

    staff: Staff
    sale: SaleHead | None  # None for a site's room
    room: Room
    report: ReportDocument


@console_page("/admin/rooms/<room_id>/report", section="Sales", scope="stats:read", within_s=CALL_TIMEOUT_S)
async def sale_report(request: Request, staff: Staff) -> Response:
    """Show the report as a page."""
    room, document = await _report(request)
    staff = within(staff, "Sites") if room.event_id is None else staff
    head = await sale_head(request, staff, room, "After the sale")
    return respond("console/report.html", ReportPage(staff, head, room, document))


@console_page(
    "/admin/rooms/<room_id>/report.pdf", section="Sales", scope="stats:read", within_s=CALL_TIMEOUT_S
)
async def sale_report_pdf(request: Request, staff: Staff) -> Response:
    """Download the report as a PDF."""
    room, report = await _report(request)
    async with request.app.exporting:
        pdf = await asyncio.to_thread(_printed, report)
    return _file(pdf, "application/pdf", f"{room.room_id}-report.pdf")


def _printed(report: ReportDocument) -> bytes:
    from app.pdf.document import report_pdf  # slow to import, and many processes never print

    return report_pdf(report.title, report.times, report.head, report.sections)


@console_page(
    "/admin/rooms/<room_id>/report.csv", section="Sales", scope="stats:read", within_s=CALL_TIMEOUT_S
)
async def sale_report_csv(request: Request, staff: Staff) -> Response:
    """Download the report as CSV, one figure per row: money in major units, times in UTC, waits in
    seconds."""
    room, report = await _report(request)
    rows = [[plain(cell) if isinstance(cell, str) else cell for cell in row] for row in flat(report.sections)]
    return _file(csv_rows([COLUMNS, *rows]), "text/csv; charset=utf-8", f"{room.room_id}-report.csv")


async def _report(request: Request) -> tuple[Room, ReportDocument]:
    """Reads all rows of the sale, so concurrent reports are limited."""
    async with request.app.exporting:
        with stores_answer():
            room = await request.app.queues.loaded_rooms.read(RoomId(request.params["room_id"]))
        return room, report_document(await report.sale(request.app.stores, room))


def _file(body: bytes, kind: str, name: str) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, content_type=kind, headers=headers)
