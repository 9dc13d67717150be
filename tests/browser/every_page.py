"""Every page of the product, each with a way to get there; what must hold for all pages is tested over this
list.

To add pages: write a walk, `async def walk(page, product)`, that ends on the page, and put it into a list in
your module (like FANS below); then add that list to EVERY_PAGE. Its name is shown if a test fails.
`signed_in` opens a page of the console. Each page is opened with scripts, as in a new browser
(`reused_page.py`).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
from playwright.async_api import Page, Route, expect

from tests.browser.booking_pages import BOOKING
from tests.browser.conftest import Product
from tests.browser.console_pages import STAFF, open_signed_in, open_signed_in_by_form
from tests.browser.entry_pages import ENTRY
from tests.browser.fairness_pages import FAIRNESS
from tests.browser.identity_pages import IDENTITIES
from tests.browser.people_pages import PEOPLE
from tests.browser.seat_pages import SEATS
from tests.browser.site_pages import SITES
from tests.browser.steps import heading, join_queue

Walk = Callable[[Page, Product], Awaitable[None]]
FAR = "2035-01-01T12:00:00Z"


async def still(page: Page) -> None:
    """The page as sent by the server: nothing moves on by itself."""

    async def refuse(route: Route) -> None:
        await route.abort()

    await page.route("**/*.js", refuse)


async def by_hand(page: Page, product: Product, room_id: str) -> None:
    """Join with the button; a called visitor stays on the page."""
    await still(page)
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.get_by_role("button", name="Join the queue").click()


async def sales(page: Page, product: Product) -> None:
    await product.a_sale()
    await page.goto(product.url)


async def not_open(page: Page, product: Product) -> None:
    await page.goto(f"{product.url}/rooms/{await product.a_sale(opened=False, opens_at=FAR)}")


async def prequeue(page: Page, product: Product) -> None:
    lottery: dict[str, Any] = {
        "queueing_method": "lottery",
        "prequeue_at": "2026-01-01T00:00:00Z",
        "opens_at": FAR,
    }
    await page.goto(f"{product.url}/rooms/{await product.a_sale(opened=False, **lottery)}")
    await expect(heading(page)).to_have_text("You are in the pre-queue")


async def members(page: Page, product: Product) -> None:
    room_id = await product.a_sale(members_only=True, members_until=FAR)
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(page)).to_have_text("For members only at the moment")


async def member_link(page: Page, product: Product) -> None:
    room_id = await product.a_sale(members_only=True)
    login = {"algorithm": "HS256", "key": "k" * 32}
    await product.staff("PUT", f"/v1/rooms/{room_id}/member-login", login)
    proof = jwt.encode({"sub": "ann", "exp": int(time.time()) + 600}, "k" * 32, algorithm="HS256")
    await page.goto(f"{product.url}/rooms/{room_id}/member?proof={proof}")
    await expect(page.get_by_role("button", name="Go to the queue")).to_be_visible()


LANES = [{"name": "Members of the club", "share": 30}]


async def waiting(page: Page, product: Product) -> None:
    await join_queue(page, product, await product.a_sale(message="Doors open at seven.", lanes=LANES))
    for summary in await page.locator('[data-panel="waiting"] summary').all():
        await summary.click()


async def paused(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    await product.staff("POST", f"/v1/rooms/{room_id}/pause", {})
    await expect(page.locator('[data-notice="paused"]')).to_be_visible()
    await page.reload()  # news moves what is below it, but not on a freshly loaded page
    await expect(page.locator('[data-notice="paused"]')).to_be_visible()


async def called(page: Page, product: Product) -> None:
    await by_hand(page, product, await product.a_sale(admission_rate_per_minute=6000, claim_window_s=600))
    await expect(heading(page)).to_have_text("It is your turn")


async def carry(page: Page, product: Product) -> None:
    await join_queue(page, product, await product.a_sale())
    await page.get_by_role("link", name="Move your place to another device").click()


async def drawn(page: Page, product: Product) -> None:
    await join_queue(page, product, await product.a_sale(queueing_method="lottery"))
    for summary in await page.locator(".more summary").all():
        await summary.click()


async def left(page: Page, product: Product) -> None:
    await by_hand(page, product, await product.a_sale())
    await page.get_by_text("Leave the queue").first.click()
    await page.get_by_role("button", name="Leave the queue").click()
    await expect(heading(page)).to_have_text("You left the queue")


async def removed(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    place = await page.evaluate(f"fetch('/v1/rooms/{room_id}/places/me').then((it) => it.json())")
    await product.staff("DELETE", f"/v1/rooms/{room_id}/visitors/{place['visitor_id']}")
    await page.reload()
    await expect(heading(page)).to_have_text("You were removed from the queue")


async def closed(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await product.staff("POST", f"/v1/rooms/{room_id}/close", {})
    await page.goto(f"{product.url}/rooms/{room_id}")


async def nothing_here(page: Page, product: Product) -> None:
    await page.goto(f"{product.url}/nothing")


async def outside(page: Page, product: Product) -> None:
    await page.goto(f"{product.url}/events/{await product.a_sale()}")


FANS: list[Walk] = [
    sales,
    not_open,
    prequeue,
    members,
    member_link,
    waiting,
    paused,
    called,
    carry,
    drawn,
    left,
    removed,
    closed,
    nothing_here,
    outside,
    *FAIRNESS,
]


async def sign_in(page: Page, product: Product) -> None:
    await page.goto(f"{product.url}/admin")


async def all_sales(page: Page, product: Product) -> None:
    await product.a_sale()
    await open_signed_in_by_form(page, product)
    await expect(page.get_by_role("heading", name="Northern Lights").first).to_be_visible()


async def cockpit(page: Page, product: Product) -> None:
    room_id = await product.a_sale(message="Doors open at seven.")
    await product.staff("POST", f"/v1/rooms/{room_id}/places", {})
    await open_signed_in(page, product, f"/admin/rooms/{room_id}?find=1&admission_rate_per_minute=x")
    await expect(page.locator("[data-link]")).to_have_text("live")
    await expect(page.locator('[data-series="waiting"]')).to_have_text("1")
    for summary in await page.locator("summary").all():
        if await summary.is_visible():
            await summary.click()


async def sign_ins(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/sign-ins")


async def fill_new_sale(page: Page, name: str) -> None:
    """Fill in the fields that have no default."""
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Starts", exact=True).fill("2035-05-31T20:00")
    await page.get_by_label("Time zone").fill("Europe/Berlin")
    await page.get_by_label("Name, row 1", exact=True).fill("Standing")
    await page.get_by_label("Price, row 1").first.fill("45")
    await page.get_by_label("How many, row 1").fill("100")
    await page.get_by_label("Opens").fill("2035-01-31T10:00")


async def new_sale(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/sales/new")
    await fill_new_sale(page, "Autumn Gala")
    await expect(page.locator("iframe.look")).to_be_visible()


async def wrong_sale(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/sales/new")
    await page.get_by_role("button", name="Create sale").click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def look_of_a_sale(page: Page, product: Product) -> None:
    await open_signed_in(page, product, f"/admin/rooms/{await product.a_sale()}/theme")


async def arabic(page: Page, product: Product) -> None:
    room_id = await product.a_sale(locale="ar", queueing_method="lottery")
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(page.locator('[data-panel="waiting"]')).to_be_visible()


COCKPIT: list[Walk] = [sign_in, all_sales, cockpit, sign_ins, new_sale, wrong_sale]
EVERY_PAGE: list[Walk] = [
    *FANS,
    look_of_a_sale,
    arabic,
    *BOOKING,
    *COCKPIT,
    *STAFF,
    *ENTRY,
    *IDENTITIES,
    *SEATS,
    *SITES,
    *PEOPLE,
]
