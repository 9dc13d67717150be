"""The look of a room: previewed before it is saved, then on its pages; and pages in other languages."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenContext, Product
from tests.browser.console_pages import open_signed_in, open_signed_in_by_form
from tests.browser.steps import join_queue

pytestmark = pytest.mark.browser

PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
GO = "getComputedStyle(document.documentElement).getPropertyValue('--go').trim()"


async def test_a_look_is_seen_before_it_is_saved(page: Page, product: Product, tmp_path: Path) -> None:
    room_id = await product.a_sale()
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/theme")
    await page.get_by_label(re.compile("^Accent")).fill("#8a1c4a")
    shown = page.locator(".preview.light .preview-button")
    await expect(shown).to_have_css("background-color", "rgb(138, 28, 74)")
    picture = tmp_path / "logo.png"
    picture.write_bytes(PNG)
    await page.get_by_label(re.compile("^Logo")).set_input_files(picture)
    await expect(page.locator(".preview.light .preview-bar img")).to_be_visible()
    await page.get_by_role("button", name="Preview").click()
    await expect(shown).to_have_css("background-color", "rgb(138, 28, 74)")
    await expect(page.get_by_text("Not saved yet")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("This is what fans see.")).to_be_visible()
    await join_queue(page, product, room_id)
    assert await page.evaluate(GO) == "#8a1c4a"
    assert await page.evaluate("document.querySelector('.mark img').naturalWidth") > 0
    assert await violations(page) == []


async def test_colours_nobody_can_read_are_refused_and_kept_for_mending(
    plain_page: Page, product: Product
) -> None:
    room_id = await product.a_sale()
    await open_signed_in_by_form(plain_page, product, f"/admin/rooms/{room_id}/theme")
    await plain_page.get_by_label(re.compile("^Accent")).fill("#ffe08a")
    await plain_page.get_by_role("button", name="Save").click()
    await expect(plain_page.get_by_role("alert")).to_contain_text("too little contrast")
    await expect(plain_page.get_by_label(re.compile("^Accent"))).to_have_value("#ffe08a")


async def test_the_room_decides_its_language_else_the_browser(visitor: OpenContext, product: Product) -> None:
    open_to_all, arabic = await product.a_sale(), await product.a_sale(locale="ar")
    page = await (await visitor(locale="de-AT")).new_page()
    html = page.locator("html")
    await page.goto(f"{product.url}/rooms/{open_to_all}")
    await expect(html).to_have_attribute("lang", "de")
    await page.goto(f"{product.url}/rooms/{arabic}")
    await expect(html).to_have_attribute("lang", "ar")
    await expect(html).to_have_attribute("dir", "rtl")
    await expect(page.locator('[data-panel="waiting"]')).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await violations(page) == []
