"""Writes a spreadsheet (XLSX) of any number of rows in pieces with XlsxWriter, in constant memory.

Each step of a job writes its rows as a piece of the sheet. The file is a frame, an empty workbook with the
same formats, with the pieces inserted after its header row. So all steps take equally long, and no worker has
to process all rows again.
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO, RawIOBase
from typing import Any

ROWS_MAX = 1_048_575  # per sheet, without the header
SHEET = "xl/worksheets/sheet1.xml"
OPTIONS = {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
DECIMALS = 5  # currencies have 0 to 4
ROW_END, DATA_END, EMPTY = b"</row>", b"</sheetData>", b"<sheetData/>"
CELL_MAX = 32_767  # characters; XlsxWriter drops longer texts
WIDTH = 18  # of a column, in characters


def piece(rows: Iterable[Sequence[object]], columns: int, first: int) -> bytes:
    """Write rows as a piece of a sheet with this many columns, as XML.

    `first`: how many rows precede them.
    """
    sheet_of = _sheet([""] * columns, rows, first + 1)
    with zipfile.ZipFile(sheet_of) as archive:
        sheet = archive.read(SHEET)
    return sheet[sheet.index(ROW_END) + len(ROW_END) : sheet.index(DATA_END)]


async def workbook(names: Sequence[str], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Assemble the file from pieces, and yield it in chunks. `names`: of the columns."""
    out = _Outbox()
    frame = zipfile.ZipFile(_sheet(names, (), 1))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for it in frame.infolist():
            if it.filename != SHEET:
                archive.writestr(it.filename, frame.read(it))
        before, after = _frame_of(frame.read(SHEET))
        with archive.open(SHEET, "w") as sheet:
            sheet.write(before)
            async for part in pieces:
                sheet.write(part)
                yield out.take()
            sheet.write(after)
    yield out.take()


def _sheet(names: Sequence[str], rows: Iterable[Sequence[object]], first: int) -> BytesIO:
    """Write a workbook with a header, and these rows from row `first` on.

    The header uses each format once, in a fixed order, because XlsxWriter numbers formats by their first use.
    """
    from xlsxwriter import Workbook  # loads slowly; most processes write no spreadsheets

    out = BytesIO()
    book = Workbook(out, OPTIONS)
    bold = book.add_format({"bold": True})
    moment = book.add_format({"num_format": OPTIONS["default_date_format"]})
    amounts = [book.add_format({"num_format": f"0.{'0' * n}" if n else "0"}) for n in range(DECIMALS)]
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, max(0, len(names) - 1), WIDTH)
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, bold)
    for column, style in enumerate((moment, *amounts), len(names)):
        sheet.write_blank(0, column, None, style)
    for number, row in enumerate(rows, first):
        for column, value in enumerate(row):
            _write(sheet, number, column, value, moment, amounts)
    book.close()
    out.seek(0)
    return out


def _write(
    sheet: Any, number: int, column: int, value: object, moment: object, amounts: Sequence[object]
) -> None:
    """Write one cell. Text is always written as text, even if it starts like a formula."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        decimals = -exponent if isinstance(exponent, int) else 0
        sheet.write_number(number, column, float(value), amounts[min(max(decimals, 0), DECIMALS - 1)])
    elif isinstance(value, datetime):
        sheet.write_datetime(number, column, value.replace(tzinfo=None, microsecond=0), moment)
    elif isinstance(value, bool):
        sheet.write_string(number, column, "yes" if value else "no")
    elif isinstance(value, int):
        sheet.write_number(number, column, value)
    elif value is not None:
        sheet.write_string(number, column, str(value)[:CELL_MAX])


def _frame_of(sheet: bytes) -> tuple[bytes, bytes]:
    """The sheet's XML before the second row and after the last.

    Drops the dimension, which is not known yet.
    """
    start = sheet.find(b"<dimension ")
    if start >= 0:
        sheet = sheet[:start] + sheet[sheet.index(b"/>", start) + 2 :]
    at = sheet.index(ROW_END) + len(ROW_END)
    return sheet[:at], sheet[at:]


class _Outbox(RawIOBase):
    """A write-only file from which the written bytes are taken in chunks."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Take what was written since the last call."""
        data = b"".join(self.pieces)
        self.pieces.clear()
        return data
