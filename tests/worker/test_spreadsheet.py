"""Spreadsheets written in pieces: values and types read back as they were written."""

from __future__ import annotations

import re
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from app.jobs import spreadsheet

NAMES = ("order", "name", "amount", "at", "count")
AT = datetime(2026, 11, 29, 20, 0, 1, 999, tzinfo=ZoneInfo("Asia/Tokyo"))
SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def cells(file: bytes) -> list[list[tuple[str, str]]]:
    """The type and the text of each cell, row by row; a number's type is "n" and its format."""
    book = zipfile.ZipFile(BytesIO(file))
    assert book.testzip() is None
    styles = book.read("xl/styles.xml").decode()
    formats = dict(re.findall(r'<numFmt numFmtId="(\d+)" formatCode="([^"]+)"', styles))
    uses = re.findall(r'<xf numFmtId="(\d+)"', styles.split("<cellXfs")[1])
    sheet = ElementTree.fromstring(book.read(spreadsheet.SHEET))
    found = []
    for number, row in enumerate(sheet.iter(f"{SPACE}row"), 1):
        assert row.get("r") == str(number)
        assert row.find(f".//{SPACE}f") is None, "a formula"
        line = []
        for cell in row.iter(f"{SPACE}c"):
            used = uses[int(cell.get("s", "0"))]
            kind = cell.get("t") or "n " + formats.get(used, used)
            line.append((kind, "".join(cell.itertext())))
        found.append(line)
    return found


async def made(*steps: Sequence[Sequence[object]]) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        before = 0
        for rows in steps:
            yield spreadsheet.piece(rows, len(NAMES), before)
            before += len(rows)

    return b"".join([it async for it in spreadsheet.workbook(NAMES, pieces())])


async def test_what_is_written_in_steps_is_read_as_one_sheet() -> None:
    rows = [("=1+1", "@x", Decimal("-89.00"), AT, 3), ("-r", None, Decimal("1.250"), AT, 0)]
    header, first, second, third = cells(await made(rows, [("c", "\tü<&>", Decimal("500"), AT, 10**6)]))
    assert [text for _, text in header][: len(NAMES)] == list(NAMES)
    assert [it for it in first if it[0] == "inlineStr"] == [("inlineStr", "=1+1"), ("inlineStr", "@x")]
    assert [text for kind, text in first if kind == "n 0.00"] == ["-89"]
    assert [text for kind, text in second if kind == "n 0.000"] == ["1.25"]
    assert [text for kind, text in third if kind == "n 1"] == ["500"]  # no decimals
    (at,) = [float(text) for kind, text in third if kind.startswith("n yyyy")]
    assert round((at % 1) * 86_400) == 20 * 3600 + 1  # in the time zone it came with
    assert third[1] == ("inlineStr", "\tü<&>")
    assert third[-1] == ("n 0", "1000000")


async def test_a_sheet_may_be_empty() -> None:
    assert len(cells(await made())) == 1


async def test_a_text_that_no_cell_takes_is_cut_and_not_left_out() -> None:
    _, row = cells(await made([("x" * 40_000, "name", Decimal(1), AT, 1)]))
    assert [len(text) for kind, text in row if kind == "inlineStr"] == [spreadsheet.CELL_MAX, 4]
