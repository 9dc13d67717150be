"""The theme of a room: what can be read, and the resulting style sheet."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.catalogue import theme
from app.core.errors import ValidationFailed
from app.core.model import Theme
from app.web.http.assets import FOLDER

colours = st.integers(0, 0xFFFFFF).map(lambda it: f"#{it:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#ff0000", "#ffffff", 4.0)],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert theme.contrast(one, other) == theme.contrast(other, one) == pytest.approx(ratio, abs=0.01)


@given(colours, st.one_of(st.just(""), colours))
def test_what_passes_can_be_read_in_light_and_in_dark(accent: str, paper: str) -> None:
    wanted = Theme(accent=accent, paper=paper)
    try:
        theme.check(wanted)
    except ValidationFailed:
        grounds = (theme.LIGHT["card"], paper or theme.LIGHT["paper"])
        inks = (accent, theme.LIGHT["ink"], theme.LIGHT["soft"])
        assert min(theme.contrast(ink, ground) for ink in inks for ground in grounds) < 6
        return
    light, dark = theme.palettes(wanted)
    for usual, values in ((theme.LIGHT, light), (theme.DARK, dark)):
        shown = usual | values
        for ground in ("paper", "card", "go-tint", "on-go"):
            assert theme.contrast(shown["go"], shown[ground]) >= theme.READABLE
        assert theme.contrast(shown["ink"], shown["paper"]) >= theme.READABLE


@pytest.mark.parametrize(
    ("paper", "why"),
    [
        ("#ffffff", ""),
        ("#d9d9d9", ""),
        ("#a9a9a9", "with the text on it"),  # the paler of the two inks is lost on it
    ],
)
def test_paper_without_an_accent_has_our_links_on_it(paper: str, why: str) -> None:
    if not why:
        theme.check(Theme(paper=paper))
        return
    with pytest.raises(ValidationFailed, match=why) as refused:
        theme.check(Theme(paper=paper))
    assert refused.value.members["errors"][0]["field"] == "theme.paper"


def test_a_logo_keeps_the_paper_it_was_drawn_for_in_the_dark() -> None:
    logo = "data:image/png;base64,iVBORw0KGgo="
    assert theme.palettes(Theme(paper="#ffffff", logo=logo)) == ({"paper": "#ffffff"}, {"plate": "#ffffff"})
    assert theme.palettes(Theme(logo=logo)) == ({}, {}), "our own paper"


def test_a_sheet_says_only_what_differs() -> None:
    assert theme.stylesheet(Theme()) == ""
    sheet = theme.stylesheet(Theme(paper="#ffffff"))
    assert sheet == "@media (prefers-color-scheme: light){:root{--paper:#ffffff}}"
    assert theme.digest(Theme()) == ""
    assert theme.digest(Theme(accent="#123456")) != theme.digest(Theme(accent="#123457"))


@pytest.mark.parametrize(("usual", "nth"), [(theme.LIGHT, 0), (theme.DARK, 1)])
def test_the_usual_colours_are_those_of_our_style_sheet(usual: dict[str, str], nth: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (FOLDER / "fairgate.css").read_text(), re.DOTALL)
    for name, colour in usual.items():
        assert f"--{name}: {colour};" in blocks[nth], name


def test_a_picture_is_what_it_says() -> None:
    png = "data:image/png;base64,iVBORw0KGgo="
    assert theme.picture(png) == ("image/png", b"\x89PNG\r\n\x1a\n")
    for uri in (png.replace("png", "webp"), "data:image/png;base64,iVBO", "data:image/png;base64,a"):
        with pytest.raises(ValidationFailed):
            theme.picture(uri)
