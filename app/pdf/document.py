"""Lays out a report as a PDF of A4 pages: a title, a row of figures, tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TextEmphasis
from fpdf.fonts import FontFace

from app.core.monitoring.sections import Section
from app.pdf.fonts import faces, readable

TEXT, TITLE, HEADING, SMALL = 9.5, 20, 12.5, 8
INK, SOFT, LINE = (25, 26, 24), (90, 93, 87), (205, 207, 200)
MARGIN = 16.0  # mm
FIRST_WIDTH, LAST_WIDTH = 2.0, 2.5  # labels and texts; other columns: 1


def report_pdf(title: str, times: str, head: Sequence[tuple[str, str]], sections: Sequence[Section]) -> bytes:
    """Return the PDF. Takes up to a second of CPU time for scripts not used before."""
    with TemporaryDirectory(prefix="fairgate-") as folder:  # fpdf2 reads fonts from files
        pdf = _Pages()
        pdf.set_title(title)
        pdf.set_creator("Fairgate")
        _add_fonts(pdf, [title, times, *_texts(head, sections)], Path(folder))
        pdf.add_page()
        _write(pdf, title, TITLE, "B")
        _write(pdf, times, TEXT, colour=SOFT)
        pdf.ln(3)
        for name, value in head:
            pdf.set_font(size=TEXT)
            pdf.set_text_color(SOFT)
            pdf.cell(70, 5.5, readable(name))
            pdf.set_text_color(INK)
            pdf.set_font(style="B", size=TEXT + 1)
            pdf.cell(0, 5.5, readable(value), new_x="LMARGIN", new_y="NEXT")
        for section in sections:
            _add_section(pdf, section)
        return bytes(pdf.output())


class _Pages(FPDF):
    """Pages with a number at the bottom."""

    def __init__(self) -> None:
        super().__init__(format="A4")
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, MARGIN + 4)
        self.set_text_shaping(True)

    def footer(self) -> None:
        """Draw the page number; called by fpdf2 for each page."""
        self.set_y(-MARGIN)
        self.set_font(style="", size=SMALL)
        self.set_text_color(SOFT)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")


def _add_fonts(pdf: FPDF, texts: Sequence[str], folder: Path) -> None:
    needed = faces(map(readable, texts))
    for number, face in enumerate(needed):
        file = folder / f"{number}.ttf"
        file.write_bytes(face.content)
        pdf.add_font(face.name, face.style, file)
    first, *others = dict.fromkeys(face.name for face in needed)
    pdf.set_fallback_fonts(others)
    pdf.set_font(first, size=TEXT)


def _texts(head: Sequence[tuple[str, str]], sections: Sequence[Section]) -> list[str]:
    texts = [text for pair in head for text in pair]
    for section in sections:
        texts += [section.title, section.note, section.empty, *section.columns]
        texts += [cell.text for row in section.rows for cell in row]
    return texts


def _write(pdf: FPDF, text: str, size: float, style: str = "", colour: tuple[int, int, int] = INK) -> None:
    pdf.set_font(style=style, size=size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(0, size * 0.5, readable(text), new_x="LMARGIN", new_y="NEXT", align="L")


def _add_section(pdf: FPDF, section: Section) -> None:
    pdf.ln(6)
    if pdf.will_page_break(28):  # keeps a heading with its table
        pdf.add_page()
    _write(pdf, section.title, HEADING, "B")
    pdf.ln(1)
    if not section.rows:
        _write(pdf, section.empty, TEXT, colour=SOFT)
        return
    pdf.set_font(style="", size=TEXT)
    pdf.set_text_color(*INK)
    others = len(section.columns) - 1
    align = ("LEFT", *(["RIGHT" if section.figures else "LEFT"] * others))
    widths = (FIRST_WIDTH, *([1.0] * others)) if section.figures else (*([1.0] * others), LAST_WIDTH)
    pdf.set_draw_color(*LINE)
    pdf.set_line_width(0.2)
    heading = FontFace(emphasis=TextEmphasis.B, color=SOFT)
    with pdf.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=heading,
        text_align=align,
        col_widths=widths,
        line_height=5,
        padding=(0.6, 1),
    ) as table:
        table.row([readable(it) for it in section.columns])
        for row in section.rows:
            table.row([readable(cell.text) for cell in row])
    if section.note:
        pdf.ln(1)
        _write(pdf, section.note, SMALL, colour=SOFT)
