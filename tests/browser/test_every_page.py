"""What must hold for every page of the product (`every_page.py`): axe finds nothing, it fits its window,
nothing moves by itself, each time of day names its clock, and no text is for machines. What fans press is 44
pixels high on a phone.

With `--pictures` one of each is saved to `artefacts/screenshots`, which git ignores, for inspection, and
those in the docs are renewed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page

from tests.browser.axe import COLOURS, violations
from tests.browser.booking_pages import BOOKING
from tests.browser.clocks import unnamed_times
from tests.browser.conftest import OpenContext, Product
from tests.browser.every_page import EVERY_PAGE, FANS, Walk
from tests.browser.identity_pages import account
from tests.browser.layout_shifts import shifts, watch_shifts
from tests.browser.machine_text import machine_texts
from tests.browser.reused_page import ReusedPage, reused_page
from tests.browser.touch_targets import small_targets

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
PICTURES, DOCS = ROOT / "artefacts" / "screenshots", ROOT / "docs" / "images"
Window = tuple[int, int, Literal["light", "dark"]]
PHONE = 360
DESKTOP = 1440
IN_DOCS = {"overview": DESKTOP, "seat_choice": DESKTOP}
NARROW = 320  # also 1280 at four times the size, as WCAG 1.4.10 requires
WINDOWS: tuple[Window, ...] = (
    (NARROW, 640, "dark"),
    (768, 1024, "dark"),
    (PHONE, 740, "light"),
    (DESKTOP, 900, "light"),
)
OWN_BROWSER: tuple[Walk, ...] = (account,)  # installs an authenticator


@pytest.fixture(scope="module")
async def reused(chromium: Browser) -> AsyncIterator[ReusedPage]:
    async with reused_page(chromium) as found:
        yield found


@pytest.fixture
async def page(walk: Walk, reused: ReusedPage, visitor: OpenContext, product: Product) -> AsyncIterator[Page]:
    """A visitor's page, with scripts; most walks share one that forgets them."""
    if walk in OWN_BROWSER:
        own = await (await visitor()).new_page()
        await watch_shifts(own)
        yield own
    else:
        yield await reused.renewed(product.url)
        await reused.leave(product.url)


@pytest.mark.parametrize("walk", EVERY_PAGE, ids=lambda walk: walk.__name__)
async def test_axe_finds_nothing_and_it_fits(
    page: Page, product: Product, walk: Walk, pytestconfig: pytest.Config
) -> None:
    await walk(page, product)
    assert await shifts(page) == []
    assert await violations(page) == []
    assert await unnamed_times(page) == []
    assert await machine_texts(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await violations(page, COLOURS) == []
    before = "dark"
    for width, height, scheme in WINDOWS:
        if scheme != before:
            await page.emulate_media(color_scheme=scheme)
            before = scheme
        await page.set_viewport_size({"width": width, "height": height})
        if pytestconfig.getoption("--pictures"):
            await page.screenshot(path=PICTURES / f"{walk.__name__}-{width}-{scheme}.png", full_page=True)
            if IN_DOCS.get(walk.__name__) == width:
                await page.evaluate("scrollTo(0, 0)")
                await page.screenshot(path=DOCS / f"{walk.__name__.replace('_', '-')}.png")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        if width == PHONE and walk in (*FANS, *BOOKING):
            assert await small_targets(page) == []
