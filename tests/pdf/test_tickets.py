"""Printed tickets: a page for each, in a built-in font if it has all letters, else in embedded ones."""

from __future__ import annotations

import re
import zlib

import pytest

from app.pdf import tickets
from app.pdf.tickets import PrintedTicket, tickets_pdf


def ticket(event: str = "Gala", holder: str = "Ann") -> PrintedTicket:
    return PrintedTicket(event, "1 June 2030, 19:00", "Old Hall", "Floor", "ABC123", [("Holder", holder)])


def text_of(pdf: bytes) -> bytes:
    """The content of the pages."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return b"".join(zlib.decompress(it) for it in streams)


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_letters_of_western_europe_need_no_embedded_font() -> None:
    pdf = tickets_pdf([ticket("Fête", "Jürgen"), ticket()])
    assert pages(pdf) == 2
    assert b"/BaseFont /Helvetica" in pdf
    assert b"/FontFile2" not in pdf
    shown = text_of(pdf)
    assert b"ABC123" in shown
    assert "Jürgen".encode("latin-1") in shown


def test_other_names_bring_the_fonts_for_their_letters() -> None:
    pdf = tickets_pdf([ticket(holder="Žižek, Ελλάδα, שלום")])
    assert b"/BaseFont /Helvetica" not in pdf
    assert b"/FontFile2" in pdf
    # The letter of each glyph, for copying the text and for reading it aloud.
    known = {int(it, 16) for it in re.findall(rb"(?m)^<[0-9A-F]{4}> <([0-9A-F]{4})>$", pdf)}
    assert {ord(it) for it in "ŽžΕλשל"} <= known


def test_no_more_are_printed_than_one_document_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "TICKETS_MAX", 2)
    assert pages(tickets_pdf([ticket()] * 3)) == 2
