"""After paying: the tickets, their calendar file and print version; all reservations of one browser."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from icalendar import Calendar
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.halls import a_hall
from tests.browser.steps import heading
from tests.browser.test_booking import OPEN, get_inside, get_inside_by_hand, hold, pay_with

pytestmark = pytest.mark.browser

STALLS = {"name": "Stalls", "price": 7000, "rows": 2, "seats_per_row": 6}


async def bought_seats(page: Page, product: Product) -> str:
    """Buy the two best seats; returns the address of the reservation."""
    room_id = await a_hall(product, [STALLS])
    await get_inside(page, product, room_id)
    await page.get_by_role("button", name="Best together").click()
    await page.get_by_role("button", name="Reserve").click()
    await expect(heading(page)).to_have_text("Held for you")
    await pay_with(page, "Payment succeeds")
    await expect(heading(page)).to_have_text("Confirmed")
    return page.url


async def test_the_tickets_go_into_a_calendar_and_onto_paper(page: Page, product: Product) -> None:
    url = await bought_seats(page, product)
    tickets = page.locator(".ticket")
    await expect(tickets.locator("h3")).to_have_text([f"Stalls, row A seat {n}" for n in (1, 2)])
    await expect(page.get_by_role("img", name="QR code of the ticket")).to_have_count(2)

    answer = await page.request.get(f"{url}/calendar.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    [entry] = Calendar.from_ical(await answer.body()).walk("VEVENT")
    assert entry["summary"] == "Northern Lights"
    assert entry["location"] == "Velodrome"
    assert entry.decoded("dtstart") == datetime(2030, 6, 1, 18, 0, tzinfo=UTC)
    assert entry["url"] == url
    event_id = str(answer.headers["content-disposition"]).partition('"')[2].removesuffix('.ics"')
    await product.staff("PATCH", f"/v1/events/{event_id}", {"starts_at": "2030-06-02T18:00:00Z"})
    moved = await page.request.get(f"{url}/calendar.ics")
    [later] = Calendar.from_ical(await moved.body()).walk("VEVENT")
    assert later["uid"] == entry["uid"]
    assert (entry["sequence"], later["sequence"]) == (0, 1)
    assert later.decoded("dtstart") == datetime(2030, 6, 2, 18, 0, tzinfo=UTC)

    await expect(page.get_by_role("button", name="Print")).to_be_visible()
    await page.emulate_media(media="print")
    for hidden in (".poster", ".bar", ".actions", "details", ".lead"):
        await expect(page.locator(hidden).first).to_be_hidden()
    breaks = await tickets.evaluate_all("(all) => all.map((it) => getComputedStyle(it).breakAfter)")
    assert breaks == ["page", "auto"]
    pdf = await page.pdf()
    assert pdf.count(b"/Type /Page\n") == 2


async def test_the_calendar_file_is_for_who_has_tickets(
    visitor: OpenContext, page: Page, product: Product
) -> None:
    room_id = await product.a_sale(**OPEN)
    await get_inside(page, product, room_id)
    await hold(page)
    url = page.url
    assert (await page.request.get(f"{url}/calendar.ics")).status == 404  # not paid yet
    await pay_with(page, "Payment succeeds")
    await expect(heading(page)).to_have_text("Confirmed")
    assert (await page.request.get(f"{url}/calendar.ics")).status == 200
    other = await (await visitor()).new_page()
    assert (await other.request.get(f"{url}/calendar.ics")).status == 404


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_all_reservations_of_a_browser_stand_together(
    visitor: OpenContext, product: Product, scripts: bool
) -> None:
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await page.goto(f"{product.url}/reservations")
    await expect(page.get_by_text("There is nothing yet.")).to_be_visible()
    enter = get_inside if scripts else get_inside_by_hand
    await enter(page, product, await product.a_sale(event={"name": "First night"}, **OPEN))
    await hold(page, 2)
    await enter(page, product, await product.a_sale(event={"name": "Second night"}, **OPEN))
    await hold(page)
    await pay_with(page, "Payment succeeds")
    await expect(heading(page)).to_have_text("Confirmed")
    await page.get_by_role("link", name="My reservations").click()
    nights = page.locator("main h3")
    await expect(nights).to_have_text(["Second night", "First night"])
    await expect(page.get_by_text("Held for you, not paid yet")).to_be_visible()
    await page.get_by_role("link", name="Second night").click()
    await page.get_by_text("Cancel and get a refund").click()
    await expect(page.get_by_text("€45.00 is refunded the way it was paid. This cannot")).to_be_visible()
    await page.get_by_role("button", name="Cancel reservation").click()
    await expect(page.get_by_text("and €45.00 is refunded the way it was paid.")).to_be_visible()
    await page.get_by_role("link", name="My reservations").click()
    await expect(nights).to_have_text(["First night", "Second night"])
    await expect(page.get_by_role("heading", name="Ended")).to_be_visible()
