"""The door in a real browser: a ticket in front of the camera, a second device, no network for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import segno
from playwright.async_api import Browser, BrowserContext, Page, ProxySettings, async_playwright, expect

from tests.browser import axe
from tests.browser.clocks import unnamed_times
from tests.browser.conftest import ARGUMENTS, HEADLESS, PHONE, Product
from tests.browser.console_pages import buy, open_signed_in
from tests.support.relay import Relay

pytestmark = pytest.mark.browser
WIDTH, HEIGHT = 640, 480


def picture(code: str) -> bytes:
    """What a camera sees when a ticket is held in front of it: a one-frame film."""
    drawn = segno.make(code, micro=False)
    rows = [list(row) for row in drawn.matrix_iter(scale=8, border=4)]
    top, left = (HEIGHT - len(rows)) // 2, (WIDTH - len(rows)) // 2
    light = [bytearray([200]) * WIDTH for _ in range(HEIGHT)]
    for y, row in enumerate(rows, top):
        light[y][left : left + len(row)] = bytes(20 if dark else 230 for dark in row)
    colours = bytes([128]) * (WIDTH * HEIGHT // 2)
    return (
        f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\nFRAME\n".encode() + b"".join(light) + colours
    )


async def tickets(product: Product) -> tuple[str, list[str]]:
    """The room of a sale, and the codes of two tickets."""
    order, buyer = await buy(product, "door@example.org")
    async with httpx.AsyncClient(verify=False, base_url=product.url, headers=buyer, timeout=20) as client:
        found = (await client.get(f"/v1/reservations/{order}")).json()
    return found["event_id"], [it["code"] for it in found["tickets"]]


@pytest.fixture
async def sale(product: Product, tmp_path: Path) -> AsyncIterator[tuple[str, list[str], Browser]]:
    """The same, plus a browser whose camera shows the first ticket."""
    room_id, codes = await tickets(product)
    film = tmp_path / "ticket.y4m"
    film.write_bytes(picture(codes[0]))
    arguments = [
        *ARGUMENTS,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=HEADLESS, args=arguments)
        yield room_id, codes, browser
        await browser.close()


@pytest.fixture
async def network(product: Product) -> AsyncIterator[Relay]:
    """A device's network, which can be cut."""
    async with Relay(product.url, socks=True).open() as relay:
        yield relay


async def device(context: BrowserContext, product: Product, room_id: str, name: str) -> Page:
    """A phone at the door that has heard from the server."""
    page = await context.new_page()
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/door")
    await expect(page.locator("[data-link]")).to_have_text("online")
    await page.get_by_text("This device", exact=True).click()
    await page.get_by_label("Its name").fill(name)
    await page.get_by_text("This device", exact=True).click()
    await expect(page.locator("[data-kept]")).to_contain_text("2 tickets")
    return page


async def typed(page: Page, code: str) -> None:
    await page.get_by_label("Code of a ticket").fill(code)
    await page.get_by_role("button", name="Check in", exact=True).click()


async def readable(page: Page) -> None:
    """The page is readable for everybody: in both themes, on a phone, with times that name their clock."""
    assert await unnamed_times(page) == []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await axe.violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def without_a_network(a: Page, network: Relay, b: Page, one: str, two: str) -> None:
    """Offline, A checks in the second ticket, and later so does B."""
    verdict = a.locator("[data-verdict]")
    await a.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    network.cut()
    await typed(a, two)
    await expect(verdict).to_contain_text("Offline")
    await expect(verdict).to_contain_text("Checked in")
    await typed(a, two)
    await expect(verdict).to_contain_text("Already checked in")
    await a.reload()
    await expect(a.locator("[data-waiting]")).to_contain_text("1 scan waits")
    await typed(a, one)
    await expect(verdict).to_contain_text("Already checked in")
    await typed(b, two)
    await expect(b.locator("[data-verdict]")).to_contain_text("Checked in")  # it cannot know
    network.restore()
    await expect(a.locator("[data-waiting]")).to_have_text("")
    await expect(a.locator("[data-conflict-list]")).to_contain_text("(Gate B)")
    await expect(a.locator("[data-in]")).to_have_text("2")


async def test_two_devices_let_people_in_with_and_without_a_network(
    product: Product, sale: tuple[str, list[str], Browser], network: Relay
) -> None:
    room_id, [one, two], browser = sale
    # A browser set offline still lets requests of a service worker through if that starts meanwhile.
    proxy = ProxySettings(server=f"socks5://127.0.0.1:{network.port}", bypass="<-loopback>")
    first, second = (
        await browser.new_context(viewport=PHONE, proxy=proxy),
        await browser.new_context(viewport=PHONE),
    )
    a, b = await device(first, product, room_id, "Gate A"), await device(second, product, room_id, "Gate B")
    verdict, log = a.locator("[data-verdict]"), a.locator("[data-log] li")
    await a.get_by_role("button", name="Scan with the camera").click()
    await expect(verdict).to_contain_text("Checked in")
    await expect(verdict).to_contain_text("Standing")
    await expect(log).to_have_count(1)
    await a.get_by_role("button", name="Stop the camera").click()
    await typed(b, one.lower())
    await expect(b.locator("[data-verdict]")).to_contain_text("Already checked in")
    await expect(b.locator("[data-verdict]")).to_contain_text("(Gate A)")
    await expect(b.locator("[data-in]")).to_have_text("1")
    await typed(b, "nothing")
    await expect(b.locator("[data-verdict]")).to_contain_text("Unknown")
    assert await unnamed_times(a) == []
    await readable(b)

    await without_a_network(a, network, b, one, two)

    await typed(b, two)
    await expect(b.locator("[data-verdict]")).to_contain_text("(Gate A)")  # which was first
    await b.reload()
    await typed(b, two)
    await typed(a, one)
    await expect(verdict).to_contain_text("Already checked in")
