"""The seat map: by mouse, by touch, by keyboard, as a list and without scripts; and its cost."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.halls import ARENA, Map, a_hall, somebody_reserves
from tests.browser.steps import heading
from tests.browser.test_booking import get_inside_by_hand

pytestmark = pytest.mark.browser

WIDE = ViewportSize(width=1440, height=900)
WEIGHT_MAX = 33 * 1024  # for all scripts and styles on the way in, compressed, including those of the queue
STALLS = {"name": "Stalls", "price": 7000, "rows": 4, "seats_per_row": 10}
CIRCLE = {"name": "Circle", "price": 4500, "rows": 3, "seats_per_row": 12}


async def wide(visitor: OpenContext) -> Page:
    return await (await visitor(viewport=WIDE)).new_page()


async def test_twenty_thousand_seats_are_drawn_piece_by_piece(visitor: OpenContext, product: Product) -> None:
    room_id = await a_hall(product, ARENA)
    page = await wide(visitor)
    hall = await Map(page, room_id).open(product)
    assert {it["level"] for it in hall.frames} == {"blocks"}
    assert hall.frames[-1]["blocks"] == 20
    assert hall.frames[-1]["seats"] == 0

    box = await page.locator("canvas").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.move(*middle)
    zooming: list[dict[str, Any]] = []
    while not zooming or zooming[-1]["level"] == "blocks":
        await page.mouse.wheel(0, -200)
        zooming += await hall.settled()

    moves = 40
    await page.mouse.down()
    await page.mouse.move(middle[0] - 400, middle[1] - 200, steps=moves)
    await page.mouse.up()
    panning = await hall.settled()
    assert len(panning) <= moves + 2  # a frame only after movement, at most one per refresh
    for frame in [*zooming, *panning]:
        shown = (box["width"] / frame["scale"] + 3) * (box["height"] / frame["scale"] + 3)  # in seats
        assert frame["seats"] <= shown
        assert frame["blocks"] <= 20
    assert 0 < max(it["seats"] for it in panning) < 20_000
    times = sorted(it["ms"] for it in panning)
    print(
        f"\n{len(panning)} frames, {max(it['seats'] for it in panning)} seats at most, "
        f"ms a frame: median {times[len(times) // 2]:.1f}, worst {times[-1]:.1f}"
    )


async def test_seats_are_chosen_on_the_map_and_reserved(visitor: OpenContext, product: Product) -> None:
    room_id = await a_hall(product, [STALLS, CIRCLE], counted=5)
    page = await wide(visitor)
    hall = await Map(page, room_id).open(product)
    await hall.click("stalls-b-3")
    await hall.click("circle-a-12")
    await hall.click("stalls-b-4")
    await hall.click("stalls-b-4")  # deselected again
    chosen = page.locator("[data-basket] li span:first-child")
    await expect(chosen).to_have_text(["Stalls, row B, seat 3", "Circle, row A, seat 12"])
    await expect(page.locator("[data-total] output")).to_have_text("€115.00")
    await page.get_by_label("Standing +1").click()
    await page.get_by_role("button", name="Reserve").click()
    await expect(heading(page)).to_have_text("Held for you")
    await expect(page.get_by_text("1 \u00d7 Standing")).to_be_visible()
    await expect(page.get_by_text("1 \u00d7 Stalls: row B seat 3")).to_be_visible()
    await page.goto(f"{product.url}/events/{room_id}")
    hall = await Map(page, room_id).drawn()
    await hall.click("stalls-b-3")
    await expect(page.locator("[data-spoken]")).to_have_text("Stalls, row B, seat 3. €70.00. Yours already")


async def test_the_map_goes_by_keyboard_and_says_where_it_is(visitor: OpenContext, product: Product) -> None:
    room_id = await a_hall(product, [STALLS, CIRCLE], max_tickets_per_visitor=2)
    page = await wide(visitor)
    await Map(page, room_id).open(product)
    spoken = page.locator("[data-spoken]")
    canvas = page.get_by_role("application", name="Seats of Northern Lights")
    await canvas.focus()
    for key, text in [
        ("ArrowRight", "Stalls, row A, seat 1. €70.00. Free"),
        ("ArrowRight", "Stalls, row A, seat 2. €70.00. Free"),
        ("ArrowDown", "Stalls, row B, seat 2. €70.00. Free"),
        ("End", "Stalls, row B, seat 10. €70.00. Free"),
        ("Enter", "Stalls, row B, seat 10. Chosen. 1 seat chosen €70.00"),
        ("PageDown", "Circle, row A, seat 7. €45.00. Free"),
        ("Space", "Circle, row A, seat 7. Chosen. 2 seats chosen €115.00"),
        ("ArrowLeft", "Circle, row A, seat 6. €45.00. Free"),
    ]:
        await page.keyboard.press(key)
        await expect(spoken).to_have_text(text)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("That is over the limit for one person.")).to_be_visible()
    await page.get_by_role("button", name="Remove Circle, row A, seat 7").click()
    await expect(page.locator("[data-total] output")).to_have_text("€70.00")


async def test_a_seat_that_somebody_takes_changes_on_the_map(visitor: OpenContext, product: Product) -> None:
    room_id = await a_hall(product, [STALLS])
    page = await wide(visitor)
    hall = await Map(page, room_id).open(product)
    await hall.click("stalls-a-1")
    await hall.click("stalls-a-2")
    await somebody_reserves(product, room_id, seat_ids=["stalls-a-2", "stalls-a-3"])
    await expect(page.get_by_text("Somebody else has just taken these seats:")).to_be_visible()
    await expect(page.locator('[data-problem="seat_taken"]')).to_contain_text("Stalls, row A, seat 2")
    await expect(page.locator("[data-basket] li")).to_have_count(1)
    await expect(page.locator('[data-type="stalls"] [data-left]')).to_have_text("38 left")
    await hall.click("stalls-a-3")
    await expect(page.locator("[data-spoken]")).to_have_text(
        "Stalls, row A, seat 3. €70.00. Held by somebody"
    )
    await page.get_by_role("button", name="Reserve").click()
    await expect(page.get_by_text("1 \u00d7 Stalls: row A seat 1")).to_be_visible()


async def test_who_is_too_late_is_told_which_seats(visitor: OpenContext, product: Product) -> None:
    room_id = await a_hall(product, [STALLS])
    page = await wide(visitor)
    hall = await Map(page, room_id).open(product)
    await hall.click("stalls-a-1")
    await page.route("**/seats", lambda route: route.abort())  # the map is not polled any more
    await hall.click("stalls-a-2")
    await somebody_reserves(product, room_id, seat_ids=["stalls-a-2"])
    await page.get_by_role("button", name="Reserve").click()
    await expect(page.locator('[data-problem="seat_taken"]')).to_contain_text("Stalls, row A, seat 2")
    await page.get_by_role("button", name="Reserve").click()
    await expect(heading(page)).to_have_text("Held for you")


async def test_the_best_seats_together(visitor: OpenContext, product: Product) -> None:
    room_id = await a_hall(product, [STALLS, CIRCLE], max_tickets_per_visitor=12)
    await somebody_reserves(product, room_id, seat_ids=[f"stalls-a-{n}" for n in (4, 5, 9)])
    page = await wide(visitor)
    await Map(page, room_id).open(product)
    chosen, seats = page.locator("[data-basket] li span:first-child"), page.get_by_label("Seats", exact=True)
    best = page.get_by_role("button", name="Best together")
    await best.click()  # two: the shortest run in the first row that has them
    await expect(chosen).to_have_text([f"Stalls, row A, seat {n}" for n in (1, 2)])
    await seats.fill("10")
    await best.click()
    await expect(chosen).to_have_text([f"Stalls, row B, seat {n}" for n in range(1, 11)])
    await page.get_by_label("Where").select_option("Circle")
    await seats.fill("3")
    await best.click()
    await expect(chosen).to_have_text([f"Circle, row A, seat {n}" for n in (1, 2, 3)])


async def test_a_finger_comes_nearer_before_it_chooses(visitor: OpenContext, product: Product) -> None:
    room_id = await a_hall(product, ARENA[:3])
    page = await (await visitor(has_touch=True)).new_page()
    hall = await Map(page, room_id).open(product)
    box = await page.locator("canvas").bounding_box()
    assert box is not None
    for _ in range(2):  # to the section, then to its seats
        at = await hall.point("floor-b-j-20")
        await page.touchscreen.tap(box["x"] + at["x"], box["y"] + at["y"])
        await hall.settled()
        await expect(page.locator("[data-basket] li")).to_have_count(0)
    at = await hall.point("floor-b-j-20")
    await page.touchscreen.tap(box["x"] + at["x"], box["y"] + at["y"])
    await expect(page.locator("[data-basket] li span:first-child")).to_have_text(["Floor B, row J, seat 20"])
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_the_same_seats_as_a_list(visitor: OpenContext, product: Product) -> None:
    room_id = await a_hall(product, [STALLS, CIRCLE])
    await somebody_reserves(product, room_id, seat_ids=["circle-b-2"])
    page = await wide(visitor)
    await Map(page, room_id).open(product)
    await page.get_by_text("Choose seats from a list").click()
    await page.get_by_label("Section", exact=True).select_option("Circle \u00b7 35 left")
    await page.get_by_label("Row", exact=True).select_option("Row B \u00b7 11 left")
    await expect(page.get_by_label("2, Held by somebody")).to_be_disabled()
    await page.get_by_label("5, Free").check()
    await expect(page.locator("[data-basket] li span:first-child")).to_have_text(["Circle, row B, seat 5"])
    await page.get_by_label("5, Chosen").uncheck()
    await expect(page.locator("[data-basket] li")).to_have_count(0)


async def test_seats_are_chosen_without_a_script(plain_page: Page, product: Product) -> None:
    room_id = await a_hall(product, [STALLS, CIRCLE], counted=5)
    await get_inside_by_hand(plain_page, product, room_id)
    await plain_page.get_by_text("Choose seats from a list").click()
    await plain_page.get_by_role("link", name="Circle").click()
    await plain_page.get_by_role("link", name="Row B").click()
    await plain_page.get_by_label("Row B, seat 5", exact=True).check()
    await plain_page.get_by_label("Row B, seat 6", exact=True).check()
    await somebody_reserves(product, room_id, seat_ids=["circle-b-6"])
    await plain_page.get_by_role("button", name="Reserve").click()
    await expect(plain_page.locator('[data-problem="seat_taken"]')).to_contain_text("row B seat 6")
    await expect(plain_page.get_by_label("Row B, seat 5", exact=True)).to_be_checked()
    await expect(plain_page.get_by_label("Row B, seat 6, Taken")).to_be_disabled()
    await plain_page.get_by_role("button", name="Reserve").click()
    await expect(heading(plain_page)).to_have_text("Held for you")
    await expect(plain_page.get_by_text("1 \u00d7 Circle: row B seat 5")).to_be_visible()


async def test_the_first_load_of_a_hall_is_light(visitor: OpenContext, product: Product) -> None:
    room_id = await a_hall(product, [STALLS])
    page = await wide(visitor)
    urls: list[str] = []
    page.on("requestfinished", lambda request: urls.append(request.url))
    await Map(page, room_id).open(product)
    files = {it for it in urls if "/static/" in it}
    async with httpx.AsyncClient(verify=False, headers={"Accept-Encoding": "gzip"}, timeout=20) as client:
        weights = {it: int((await client.get(it)).headers["content-length"]) for it in files}
    assert len(weights) > 10
    assert sum(weights.values()) < WEIGHT_MAX, weights
