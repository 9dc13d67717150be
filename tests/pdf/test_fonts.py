"""Documents embed a font for each script they use, and no others."""

from __future__ import annotations

from io import BytesIO

from fontTools.ttLib import TTFont

from app.pdf.fonts import ALWAYS, CJK, LATIN, faces, readable

NAMES = ("Žižek, Ελλάδα, Москва", "حفل", "東京 콘서트", "★")


def test_every_name_has_its_glyphs_in_both_weights() -> None:
    assert [readable(it) for it in NAMES] == list(NAMES)
    found = faces(NAMES)
    assert [(it.name, it.style) for it in found[:2]] == [(LATIN, ""), (LATIN, "B")]
    for style in ("", "B"):
        glyphs = set[int]()
        for face in found:
            if face.style == style:
                font = TTFont(BytesIO(face.content))
                assert "glyf" in font, face.name  # PDF does not support CFF2
                assert "fvar" not in font
                glyphs |= font.getBestCmap().keys()
        assert {ord(char) for name in NAMES for char in name} <= glyphs
    regular, bold = (it.content for it in found if it.name == CJK)
    assert regular != bold


def test_what_no_font_has_is_written_in_latin_letters() -> None:
    assert readable("ᓄᓇᕗᑦ") == "nonafot"


def test_most_documents_share_a_font() -> None:
    first, _ = faces(["Grüße aus Łódź"]), faces(["x"])
    assert first == faces([ALWAYS])
    assert len(first) == 2
