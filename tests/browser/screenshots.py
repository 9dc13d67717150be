"""Screenshots of the real pages: `python -m tests.browser.screenshots [FOLDER]`.

Starts the product, lets a crowd join, and captures every page at three widths, light and dark, into FOLDER
(default `artefacts/screenshots`, which git ignores); the one for the README goes to `docs/images/`.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from tests.browser.conftest import ARGUMENTS, CHROMIUM, Product, running
from tests.browser.console_pages import open_signed_in
from tests.browser.halls import ARENA, a_hall

CROWD = 640
WIDTHS = {360: 740, 768: 1024, 1440: 900}
SCHEMES = ("light", "dark")
README = Path(__file__).parents[2] / "docs" / "images" / "queue-page.png"

Walk = Callable[[Page, Product, str], Awaitable[None]]


async def a_crowd(product: Product, room_id: str, people: int) -> None:
    """Let this many people join; browsers that join later are behind them."""
    async with httpx.AsyncClient(verify=False, base_url=product.url, timeout=30) as client:
        for _ in range(people // 20):
            joins = (client.post(f"/v1/rooms/{room_id}/places") for _ in range(20))
            for response in await asyncio.gather(*joins):
                assert response.status_code == 201, response.text
            client.cookies.clear()


async def a_concert(product: Product, **room: Any) -> str:
    """A realistic sale."""
    return await product.a_sale(
        tickets=2500,
        event={"name": "Northern Lights", "artist": "Ada Marlowe", "venue": "Velodrome, Berlin"},
        message="Doors open at seven. Bring the card you paid with.",
        **room,
    )


async def waiting(page: Page, product: Product, room_id: str) -> None:
    """In the middle of the queue, part of the way along."""
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(page.locator('[data-panel="waiting"]')).to_be_visible()
    await expect(page.locator(".dot")).to_have_class("dot on")


async def booking(page: Page, product: Product, room_id: str) -> None:
    """Choosing tickets."""
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.get_by_label("Standing +1").click()
    await page.get_by_label("Standing +1").click()
    await expect(page.locator("[data-total] output")).to_have_text("€90.00")


async def holding(page: Page, product: Product, room_id: str) -> None:
    """Paying for a hold."""
    await booking(page, product, room_id)
    await page.get_by_role("button", name="Reserve").click()
    await expect(page.locator('[data-panel="held"]')).to_be_visible()


async def confirmed(page: Page, product: Product, room_id: str) -> None:
    """The tickets."""
    await holding(page, product, room_id)
    await page.get_by_role("button", name="Pay").click()
    await expect(page.locator(".ticket")).to_have_count(2)


async def seats(page: Page, product: Product, room_id: str) -> None:
    """Choosing seats on the map."""
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.get_by_role("button", name="Best together").click()
    await expect(page.locator("[data-basket] li")).to_have_count(2)
    await page.get_by_role("button", name="Whole hall").click()


async def sales(page: Page, product: Product, _room_id: str) -> None:
    """The front page."""
    await page.goto(product.url)


async def take(browser: Browser, product: Product, walk: Walk, room_id: str, folder: Path) -> None:
    """Capture one page at every width and in both schemes, each time as a new visitor."""
    for width, height in WIDTHS.items():
        for scheme in SCHEMES:
            context = await browser.new_context(
                viewport=ViewportSize(width=width, height=height),
                color_scheme=scheme,  # type: ignore[arg-type]  # one of two words
            )
            page = await context.new_page()
            await walk(page, product, room_id)
            await page.screenshot(path=folder / f"{walk.__name__}-{width}-{scheme}.png", full_page=True)
            await context.close()


async def take_readme(browser: Browser, product: Product, room_id: str) -> None:
    """The queue page on a phone, after the queue has moved."""
    context = await browser.new_context(viewport=ViewportSize(width=390, height=844), device_scale_factor=2)
    page = await context.new_page()
    await waiting(page, product, room_id)
    await product.staff("PATCH", f"/v1/rooms/{room_id}", {"active_visitors_max": 387})
    await expect(page.locator('[data-fill="serving_position"]')).to_have_text("387", timeout=60_000)
    await product.staff(
        "PATCH", f"/v1/rooms/{room_id}", {"admission_rate_per_minute": 60, "active_visitors_max": None}
    )
    await expect(page.locator('[data-fill="wait"]')).to_have_text(re.compile(r"^[345].[456] minutes$"))
    await page.screenshot(path=README)
    await context.close()


LOOK = {"accent": "#8a1c4a", "paper": "#fdf3f6", "footer": "Ada Marlowe Touring"}


async def take_look(browser: Browser, product: Product) -> None:
    """A room with its own look: its page in the console, and on an Arabic phone."""
    room_id = await a_concert(product, theme=LOOK, queueing_method="lottery")
    await a_crowd(product, room_id, 40)
    for name, width, height, language in (("queue-page-ar", 390, 844, "ar"), ("look", 1200, 800, "en")):
        context = await browser.new_context(
            viewport=ViewportSize(width=width, height=height), device_scale_factor=1.5, locale=language
        )
        page = await context.new_page()
        if language == "ar":
            await waiting(page, product, room_id)
        else:
            await open_signed_in(page, product, f"/admin/rooms/{room_id}/theme")
            await expect(page.locator(".preview.dark")).to_be_visible()
        await page.screenshot(path=README.with_name(f"{name}.png"))
        await context.close()


async def main(folder: Path) -> None:
    with running(FAIRGATE_RATE_LIMITS="off") as product:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            crowded = await a_concert(
                product, admission_rate_per_minute=2400, active_visitors_max=1, claim_window_s=3600
            )
            await a_crowd(product, crowded, CROWD)
            await take_readme(browser, product, crowded)
            await take_look(browser, product)
            await take(browser, product, waiting, crowded, folder)
            free = await a_concert(product, admission_rate_per_minute=6000)
            for walk in (booking, holding, confirmed, sales):
                await take(browser, product, walk, free, folder)
            await take(browser, product, seats, await a_hall(product, ARENA), folder)
            await browser.close()


if __name__ == "__main__":
    wanted = Path(sys.argv[1] if len(sys.argv) > 1 else "artefacts/screenshots")
    for each in (wanted, README.parent):
        each.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(wanted))
