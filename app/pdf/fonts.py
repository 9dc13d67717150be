"""The fonts a text needs: Noto Sans for its scripts, subset to its characters, in regular and bold.

The packages contain variable fonts, with 65,000 glyphs for Chinese, Japanese and Korean. Instantiating a
weight of a whole font takes seconds to minutes; of a document's characters, a fraction of a second.
Characters that no font has are transliterated to Latin letters, so that nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import manimgx_fonts
import manimgx_fonts_cjk
from anyascii import anyascii
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable
from fontTools.unicodedata import script
from fontTools.varLib import instancer

LATIN = "NotoSans[wght].ttf"
CJK = "NotoSansCJK-VF.otf.ttc"
FILES = {  # by script (ISO 15924); the first is the default
    **{code: CJK for code in ("Hani", "Hira", "Kana", "Hang", "Bopo")},
    "Arab": "NotoSansArabic[wght].ttf",
    "Armn": "NotoSansArmenian[wght].ttf",
    "Beng": "NotoSansBengali[wght].ttf",
    "Deva": "NotoSansDevanagari[wght].ttf",
    "Ethi": "NotoSansEthiopic[wght].ttf",
    "Geor": "NotoSansGeorgian[wght].ttf",
    "Gujr": "NotoSansGujarati[wght].ttf",
    "Guru": "NotoSansGurmukhi[wght].ttf",
    "Hebr": "NotoSansHebrew[wght].ttf",
    "Khmr": "NotoSansKhmer[wght].ttf",
    "Knda": "NotoSansKannada[wght].ttf",
    "Laoo": "NotoSansLao[wght].ttf",
    "Mlym": "NotoSansMalayalam[wght].ttf",
    "Mymr": "NotoSansMyanmar[wght].ttf",
    "Orya": "NotoSansOriya[wght].ttf",
    "Sinh": "NotoSansSinhala[wght].ttf",
    "Taml": "NotoSansTamil[wght].ttf",
    "Telu": "NotoSansTelugu[wght].ttf",
    "Thai": "NotoSansThai[wght].ttf",
}
SHARED = ("Zyyy", "Zinh")  # punctuation, digits, marks: used in any script
SYMBOLS = ("NotoSansSymbols[wght].ttf", "NotoEmoji[wght].ttf", CJK)  # fallbacks for the default font
WEIGHTS = {"": 400, "B": 700}
# For European languages, so that most documents share a font.
ALWAYS = (
    "".join(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x180))))
    + "\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u20ac"
)
CACHED_MAX = 32


class Face(NamedTuple):
    """A font in one weight, subset to the characters of a text, as the content of a file."""

    name: str
    style: str
    content: bytes


def faces(texts: Iterable[str]) -> list[Face]:
    """The fonts for these texts, which must have passed through `readable`; the first is the main font."""
    by_file: dict[str, set[str]] = {LATIN: set(ALWAYS)}
    for char in set("".join(texts)):
        by_file.setdefault(_file_of(char) or LATIN, set()).add(char)
    return [
        Face(file, style, content)
        for file, chars in by_file.items()
        for style, content in _cut(file, "".join(sorted(chars))).items()
    ]


def readable(text: str) -> str:
    """Transliterate characters that no font has to Latin letters."""
    return "".join(char if _file_of(char) else anyascii(char) for char in text)


def _file_of(char: str) -> str | None:
    code = script(char)
    first = FILES.get(code, LATIN)
    tried = (first, *SYMBOLS) if code in SHARED else (first,)
    return next((it for it in tried if ord(char) in _characters(it)), None)


@cache
def _characters(file: str) -> frozenset[int]:
    with TTFont(_path(file), fontNumber=0, lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(maxsize=CACHED_MAX)
def _cut(file: str, characters: str) -> dict[str, bytes]:
    """Subset a font to these characters and the glyphs needed to shape them; returns each style."""
    small = BytesIO()  # fontTools cannot instantiate a font it has just subset, so it is read again
    with TTFont(_path(file), fontNumber=0, lazy=True) as font:
        cut = Subsetter(Options(notdef_outline=True))
        cut.populate(text=characters)
        cut.subset(font)
        font.save(small)
    return {style: _in_weight(small.getvalue(), weight) for style, weight in WEIGHTS.items()}


def _in_weight(variable: bytes, weight: int) -> bytes:
    content = BytesIO()
    with TTFont(BytesIO(variable)) as font:
        static = instancer.instantiateVariableFont(font, {"wght": weight}, static=True)
        if "CFF2" in static:
            _draw_as_truetype(static)
        static.save(content)
    return content.getvalue()


def _draw_as_truetype(font: TTFont) -> None:
    """Convert CFF2 outlines, which PDF does not support, to quadratic ones."""
    drawn, outlines = font.getGlyphSet(), {}
    for name in font.getGlyphOrder():
        pen = TTGlyphPen(None)
        drawn[name].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
        outlines[name] = pen.glyph()
    for table in ("CFF2", "VORG", "BASE", "vhea", "vmtx"):
        if table in font:
            del font[table]
    font["loca"], font["glyf"] = newTable("loca"), newTable("glyf")
    font["glyf"].glyphOrder, font["glyf"].glyphs = font.getGlyphOrder(), outlines
    most = font["maxp"]
    most.tableVersion = 0x00010000
    for limit in (
        *("maxZones", "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs"),
        *("maxStackElements", "maxSizeOfInstructions", "maxComponentElements"),
    ):
        setattr(most, limit, 0)
    font.sfntVersion = "\x00\x01\x00\x00"
    font.recalcBBoxes = True


def _path(file: str) -> Path:
    package = manimgx_fonts_cjk if file == CJK else manimgx_fonts
    assert package.__file__ is not None
    return Path(package.__file__).parent / file
