"""A spreadsheet (XLSX) of any number of rows, in pieces: XlsxWriter writes each, and memory stays flat.

A step of a job writes its rows as a piece of the sheet. The file is the frame, an empty workbook with the
same formats, and the pieces between its first row and its last line. So no step takes longer than another,
and no worker has to go over all rows again.
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO, RawIOBase
from typing import Any

ROWS_MAX = 1_048_575  # of a sheet, without its header
SHEET = "xl/worksheets/sheet1.xml"
OPTIONS = {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
DECIMALS = 5  # currencies have 0 to 4
ROW_END, DATA_END, EMPTY = b"</row>", b"</sheetData>", b"<sheetData/>"
CELL_MAX = 32_767  # characters; a longer text would be left out
WIDTH = 18  # of a column, in characters


def piece(rows: Iterable[Sequence[object]], columns: int, first: int) -> bytes:
    """These rows as a piece of a sheet with so many columns; `first`: how many rows come before them."""
    sheet_of = _written([""] * columns, rows, first + 1)
    with zipfile.ZipFile(sheet_of) as made:
        sheet = made.read(SHEET)
    return sheet[sheet.index(ROW_END) + len(ROW_END) : sheet.index(DATA_END)]


async def workbook(names: Sequence[str], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The file with these columns and pieces."""
    out = _Outbox()
    frame = zipfile.ZipFile(_written(names, (), 1))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for it in frame.infolist():
            if it.filename != SHEET:
                made.writestr(it.filename, frame.read(it))
        before, after = _frame_of(frame.read(SHEET))
        with made.open(SHEET, "w") as sheet:
            sheet.write(before)
            async for part in pieces:
                sheet.write(part)
                yield out.taken()
            sheet.write(after)
    yield out.taken()


def _written(names: Sequence[str], rows: Iterable[Sequence[object]], first: int) -> BytesIO:
    """A workbook with a header and these rows from number `first` on.

    The header uses each format once, in the same order: XlsxWriter numbers them by their first use.
    """
    from xlsxwriter import Workbook  # loads slowly, and most processes write none

    made = BytesIO()
    book = Workbook(made, OPTIONS)
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
    made.seek(0)
    return made


def _write(
    sheet: Any, number: int, column: int, value: object, moment: object, amounts: Sequence[object]
) -> None:
    """One cell. A text is a text, whatever it begins with: no cell is a formula."""
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
    """What comes before the second row, and after the last. Without the size: it is not known yet."""
    start = sheet.find(b"<dimension ")
    if start >= 0:
        sheet = sheet[:start] + sheet[sheet.index(b"/>", start) + 2 :]
    at = sheet.index(ROW_END) + len(ROW_END)
    return sheet[:at], sheet[at:]


class _Outbox(RawIOBase):
    """Where the archive is written; what is taken from it is forgotten."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.kept.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        found = b"".join(self.kept)
        self.kept.clear()
        return found
