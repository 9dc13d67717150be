"""What holds for every page of the product (`every_page.py`): axe finds nothing, it fits its window, and
each time of day says by which clock it is.

With `--pictures` one of each is kept in `artefacts/screenshots`, which git ignores, to be looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page

from tests.browser.axe import COLOURS, violations
from tests.browser.clocks import unnamed_times
from tests.browser.conftest import Product
from tests.browser.every_page import EVERY_PAGE, Walk

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "artefacts" / "screenshots"
Window = tuple[int, int, Literal["light", "dark"]]
WINDOWS: tuple[Window, ...] = ((360, 740, "light"), (768, 1024, "dark"), (1440, 900, "light"))


@pytest.mark.parametrize("walk", EVERY_PAGE, ids=lambda walk: walk.__name__)
async def test_axe_finds_nothing_and_it_fits(
    page: Page, product: Product, walk: Walk, pytestconfig: pytest.Config
) -> None:
    await walk(page, product)
    assert await violations(page) == []
    assert await unnamed_times(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await violations(page, COLOURS) == []
    for width, height, scheme in WINDOWS:
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": height})
        if pytestconfig.getoption("--pictures"):
            await page.screenshot(path=PICTURES / f"{walk.__name__}-{width}-{scheme}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
