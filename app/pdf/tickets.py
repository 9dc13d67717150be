"""Lays out tickets as a PDF, one A5 page each: the event, the holder, and the code as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import segno
from fpdf import FPDF

from app.pdf.fonts import faces, readable

INK, SOFT, LINE = (25, 26, 24), (90, 93, 87), (205, 207, 200)
MARGIN, CODE_MM = 14.0, 62.0
BUILT_IN, ENCODING = "helvetica", "latin-1"  # in every reader: nothing to subset
TICKETS_MAX = 100


class PrintedTicket(NamedTuple):
    """A ticket to print; `about`: lines of a name and a value, such as the holder's."""

    event: str
    when: str
    where: str
    ticket: str  # type, and seat
    code: str
    about: Sequence[tuple[str, str]]


def tickets_pdf(tickets: Sequence[PrintedTicket]) -> bytes:
    """Return the PDF. Takes up to a second of CPU time for scripts not used before."""
    with TemporaryDirectory(prefix="fairgate-") as folder:  # fpdf2 reads fonts from files
        pdf = FPDF(format=(148, 210))
        pdf.set_margin(MARGIN)
        pdf.set_auto_page_break(False)
        pdf.set_creator("Fairgate")
        pdf.set_title(tickets[0].event)
        choose_fonts(pdf, [text for it in tickets[:TICKETS_MAX] for text in _texts(it)], Path(folder))
        for it in tickets[:TICKETS_MAX]:
            pdf.add_page()
            _add_ticket(pdf, it)
        return bytes(pdf.output())


def choose_fonts(pdf: FPDF, texts: Sequence[str], folder: Path) -> None:
    """Use a built-in font if it has all letters, otherwise subset fonts."""
    try:
        "".join(texts).encode(ENCODING)
    except UnicodeEncodeError:
        pass
    else:
        pdf.set_font(BUILT_IN)
        return
    pdf.set_text_shaping(True)
    needed = faces(map(readable, texts))
    for number, face in enumerate(needed):
        file = folder / f"{number}.ttf"
        file.write_bytes(face.content)
        pdf.add_font(face.name, face.style, file)
    first, *others = dict.fromkeys(face.name for face in needed)
    pdf.set_fallback_fonts(others)
    pdf.set_font(first)


def _texts(ticket: PrintedTicket) -> list[str]:
    return [
        ticket.event,
        ticket.when,
        ticket.where,
        ticket.ticket,
        ticket.code,
        *(text for pair in ticket.about for text in pair),
    ]


def _add_ticket(pdf: FPDF, ticket: PrintedTicket) -> None:
    _write(pdf, ticket.event, 20, "B")
    pdf.ln(2)
    _write(pdf, ticket.when, 11)
    if ticket.where:
        _write(pdf, ticket.where, 11)
    pdf.ln(3)
    _write(pdf, ticket.ticket, 14, "B")
    pdf.ln(2)
    for name, value in ticket.about:
        _write(pdf, name, 8, colour=SOFT)
        _write(pdf, value, 10)
    side = (pdf.epw - CODE_MM) / 2 + MARGIN
    top = max(pdf.get_y() + 5, pdf.h - MARGIN - CODE_MM - 10)
    _draw_code(pdf, ticket.code, side, min(top, pdf.h - MARGIN - CODE_MM - 8))
    pdf.set_y(pdf.h - MARGIN - 6)
    pdf.set_font(style="", size=9)
    pdf.set_text_color(*SOFT)
    pdf.cell(0, 5, ticket.code, align="C")


def _draw_code(pdf: FPDF, code: str, left: float, top: float) -> None:
    """Draw the QR code as vector squares, sharp at any size."""
    rows = [bytes(row) for row in segno.make(code, micro=False).matrix]
    size = CODE_MM / len(rows)
    pdf.set_fill_color(0, 0, 0)
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            run = 0
            while x + run < len(row) and row[x + run]:
                run += 1
            if run:
                pdf.rect(left + x * size, top + y * size, run * size, size, "F")
            x += max(run, 1)


def _write(pdf: FPDF, text: str, size: float, style: str = "", colour: tuple[int, int, int] = INK) -> None:
    pdf.set_font(style=style, size=size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(0, size * 0.48, readable(text), new_x="LMARGIN", new_y="NEXT", align="L")
