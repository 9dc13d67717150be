"""What holds for every page of the product (`every_page.py`): axe finds nothing, in light and in dark."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.browser.axe import violations
from tests.browser.conftest import Product
from tests.browser.every_page import EVERY_PAGE, Walk

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("walk", EVERY_PAGE, ids=lambda walk: walk.__name__)
async def test_axe_finds_nothing(page: Page, product: Product, walk: Walk) -> None:
    await walk(page, product)
    assert await violations(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await violations(page) == []
