"""Lays out a receipt as a PDF of one A4 page: the seller, the items, and the parts of the sum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from fpdf import FPDF

from app.pdf.fonts import readable
from app.pdf.tickets import INK, LINE, SOFT, choose_fonts

MARGIN, SUM_MM, ROW_MM = 20.0, 45.0, 6.5


class Row(NamedTuple):
    """A line of a receipt. `kind`: title, seller, about, event, line, total or small."""

    kind: str
    text: str
    value: str = ""


def receipt_pdf(rows: Sequence[Row]) -> bytes:
    """Return the PDF. Takes up to a second of CPU time for scripts not used before."""
    with TemporaryDirectory(prefix="fairgate-") as folder:  # fpdf2 reads fonts from files
        pdf = FPDF(format="A4")
        pdf.set_margin(MARGIN)
        pdf.set_auto_page_break(True, MARGIN)
        pdf.set_creator("Fairgate")
        pdf.set_title(next(it.text for it in rows if it.kind == "title"))
        pdf.set_draw_color(*LINE)
        choose_fonts(pdf, [text for it in rows for text in (it.text, it.value)], Path(folder))
        pdf.add_page()
        for it in rows:
            _add(pdf, it)
        return bytes(pdf.output())


def _add(pdf: FPDF, row: Row) -> None:
    if row.kind == "title":
        _write(pdf, row.text, 20, "B")
        pdf.ln(3)
    elif row.kind == "seller":
        _write(pdf, row.text, 10)
    elif row.kind == "about":
        pdf.ln(2)
        _write(pdf, row.text, 8, colour=SOFT)
        _write(pdf, row.value, 10)
    elif row.kind == "event":
        pdf.ln(6)
        _write(pdf, row.text, 13, "B")
        pdf.ln(2)
    else:
        _add_sum(pdf, row)


def _add_sum(pdf: FPDF, row: Row) -> None:
    """Print a text on the left, on as many lines as it needs, and a sum on the right."""
    bold, small = row.kind == "total", row.kind == "small"
    font = "B" if bold else "", 12 if bold else 9 if small else 10.5
    _use(pdf, *font)
    pdf.set_text_color(*(SOFT if small else INK))
    if not small:
        pdf.line(MARGIN, pdf.get_y(), pdf.w - MARGIN, pdf.get_y())
    if pdf.will_page_break(ROW_MM):
        pdf.add_page()
    top = pdf.get_y()
    pdf.multi_cell(pdf.epw - SUM_MM, ROW_MM, readable(row.text), align="L", new_x="RIGHT", new_y="LAST")
    bottom = pdf.get_y() + ROW_MM
    pdf.set_xy(pdf.w - MARGIN - SUM_MM, max(top, bottom - ROW_MM))
    _use(pdf, *font)
    pdf.cell(SUM_MM, ROW_MM, readable(row.value), align="R")
    pdf.set_xy(MARGIN, bottom)


def _write(pdf: FPDF, text: str, size: float, style: str = "", colour: tuple[int, int, int] = INK) -> None:
    _use(pdf, style, size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(0, size * 0.48, readable(text), new_x="LMARGIN", new_y="NEXT", align="L")


def _use(pdf: FPDF, style: str, size: float) -> None:
    """Select a font. After a text that ended in a fallback font, fpdf2 does not notice that the page's font
    differs, and skips a selection that looks unchanged."""
    pdf.set_font(style=style, size=size + 1)
    pdf.set_font(style=style, size=size)
