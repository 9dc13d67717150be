"""Which language a page is in, and what its catalogue gives."""

from __future__ import annotations

import pytest

from app import languages
from app.core import words
from app.web.page_render import templates


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["de-AT", "en"], "de"),
        (["", "sv", "pt-BR"], "pt"),
        (["xx", "*"], "en"),
        ([], "en"),
        (["EN-gb", "fr"], "en"),
    ],
)
def test_the_first_language_that_is_known_is_taken(wanted: list[str], chosen: str) -> None:
    assert languages.choose(wanted) == chosen


def test_arabic_goes_from_right_to_left() -> None:
    assert {it for it in languages.LANGUAGES if languages.direction(it) == "rtl"} == {"ar"}


@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_every_number_has_its_plural(language: str) -> None:
    units = languages.units(language)
    for n in (*range(130), 1_000_000):
        text = words.counted(n, units["minute"], language)
        said = {"ar": ("دقيقة", "دقيقتان")}.get(language, ())
        assert str(words.number(n, language)) in text or text in said, (n, text)
    assert words.counted(2, {**units["hour"], "zero": "none"}, language) != "none"
    assert words.counted(0, {**units["hour"], "zero": "none"}, language) == "none"


def test_a_pole_counts_as_poles_do() -> None:
    minutes = languages.units("pl")["minute"]
    counted = [words.counted(n, minutes, "pl") for n in (1, 2, 5, 12, 22, 25)]
    assert counted == ["1 minuta", "2 minuty", "5 minut", "12 minut", "22 minuty", "25 minut"]


@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_every_template_is_there_in_every_language(language: str) -> None:
    environment = templates(language)
    for name in ("room.html", "event.html", "error.html"):
        environment.get_template(name)
    assert environment.globals["language"] == language
