"""A fan keeps a receipt of their place, and has it checked on the page of the room's log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.steps import join_queue
from tests.browser.test_fairness import signed_up_to

pytestmark = pytest.mark.browser


async def receipt_of(page: Page, product: Product, tmp_path: Path) -> Path:
    """Joins, keeps a receipt, and goes to the page that checks it."""
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    await signed_up_to(product, room_id, " joined 1 ")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Keep a receipt of my place").first.click()
    file = tmp_path / "receipt.json"
    await (await download.value).save_as(file)
    await page.get_by_role("link", name="How fair this queue is").click()
    return file


async def test_a_browser_that_cannot_check_signatures_calls_no_receipt_genuine(
    page: Page, product: Product, tmp_path: Path
) -> None:
    await page.add_init_script("SubtleCrypto.prototype.importKey = () => Promise.reject(new Error())")
    await page.get_by_label("Check a receipt").set_input_files(await receipt_of(page, product, tmp_path))
    says = page.locator("[data-receipt-says]")
    await expect(says).to_contain_text("check who signed the receipt")


async def test_a_fan_keeps_a_receipt_and_finds_their_place_in_the_log(
    page: Page, product: Product, tmp_path: Path
) -> None:
    file = await receipt_of(page, product, tmp_path)
    says = page.locator("[data-receipt-says]")
    chooser = page.get_by_label("Check a receipt")
    await chooser.set_input_files(file)
    await expect(says).to_contain_text("the log has this place: number 1,")
    document = json.loads(file.read_text())
    head, claims, signature = document["statement"].split(".")
    document["statement"] = ".".join((head, claims, signature[:-4] + "AAAA"))
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(document))
    await chooser.set_input_files(changed)
    await expect(says).to_contain_text("a receipt of this queue, or it was changed.")


async def test_without_scripts_the_page_says_how_to_check_and_the_receipt_is_a_link(
    plain_page: Page, product: Product
) -> None:
    room_id = await product.a_sale()
    await plain_page.goto(f"{product.url}/rooms/{room_id}")
    await plain_page.get_by_role("button", name="Join the queue").click()
    async with plain_page.expect_download() as download:
        await plain_page.get_by_role("link", name="Keep a receipt of my place").first.click()
    assert (await download.value).suggested_filename == f"fairgate-receipt-{room_id}.json"
    await plain_page.goto(f"{product.url}/rooms/{room_id}/fairness")
    await expect(plain_page.get_by_text(f"fairgate audit {room_id} --url")).to_be_visible()
    await expect(plain_page.get_by_role("button", name="Check it in my browser")).to_be_hidden()
