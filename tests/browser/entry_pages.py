"""The pages of the console that control who may join a room, for `every_page.py`."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.console_pages import open_signed_in


async def entry(page: Page, product: Product) -> None:
    room_id = await product.a_sale(
        members_only=True,
        members_until="2030-05-01T10:00:00Z",
        lanes=[{"name": "Press", "share": 5}],
        newcomers_per_address=3,
        suspects_lane="Press",
        identity="email",
    )
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/entry")
    await page.get_by_role("button", name="Save the login").click()
    await expect(page.get_by_label("The secret")).to_be_visible()


async def invites(page: Page, product: Product) -> None:
    room_id = await product.a_sale(members_only=True)
    await product.sql(
        "INSERT INTO room_invites (invite_id, room_id, token_hash, member_key, email) "
        "SELECT $1 || n, $1, decode(md5($1 || n), 'hex'), decode(md5($1 || n), 'hex'), 'fan' || n || "
        "'@example.org' FROM generate_series(1, 3) AS n",
        room_id,
    )
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/invites")
    await page.get_by_label("Its text").fill("nobody")
    await page.get_by_role("button", name="Invite", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def guests(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/guests")
    await page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    await page.get_by_label("E-mail", exact=True).fill("ada@example.org")
    await page.get_by_role("button", name="Add guest").click()
    await expect(page.get_by_role("status").filter(has_text="1 added")).to_be_visible()
    await page.get_by_label("The list, or").fill("Grace Hopper, grace@example.org, , 2\nNobody, , , 9999999")
    await page.get_by_role("button", name="Add all").click()
    await expect(page.get_by_role("alert")).to_be_visible()


ENTRY = [entry, invites, guests]
