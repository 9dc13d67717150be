"""What a visitor in the queue can do: check the draw, be called, move the place to another browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from app.core.waiting_room import rules
from tests.browser.conftest import OpenContext, Product
from tests.browser.steps import heading, join_queue, number_of
from tests.browser.test_queue_page import hide

pytestmark = pytest.mark.browser

HEARD = """
globalThis.heard = [];
globalThis.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title) { heard.push(title); }
};
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) { heard.push("note"); return start.apply(this, when); };
"""


async def test_anybody_checks_their_own_draw(page: Page, product: Product) -> None:
    room_id = await product.a_sale(queueing_method="lottery")
    await join_queue(page, product, room_id)
    await page.get_by_text("Check my draw").click()
    await page.get_by_role("button", name="Check it on this device").click()
    seed = await page.locator('[data-fill="seed"]').inner_text()
    visitor_id = await page.locator('[data-fill="visitor"]').inner_text()
    draw = rules.draw_of(bytes.fromhex(seed), visitor_id)
    verdict = page.locator("[data-verdict]")
    await expect(verdict).to_contain_text(f"The seed matches the fingerprint. Your draw is {draw:,};")
    await page.evaluate("document.querySelector('[data-verdict]').textContent = ''")
    foreign = '{"commitment": "00", "seed": "%s"}' % ("ab" * 32)
    script = "document.querySelector('script[type=module]').src.replace('queue.js', 'draw.js')"
    await page.evaluate(
        f"import({script}).then((it) => it.checkDraw(document.querySelector('[data-draw]'), {foreign}, 'x'))"
    )
    await expect(verdict).to_contain_text("does not match")


async def test_before_the_opening_there_is_no_draw_to_check(page: Page, product: Product) -> None:
    room_id = await product.a_sale(
        opened=False,
        queueing_method="lottery",
        prequeue_at="2026-01-01T00:00:00Z",
        opens_at="2035-01-01T00:00:00Z",
    )
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(page)).to_have_text("You are in the pre-queue")
    await expect(page.locator("[data-draw]")).to_be_hidden()
    await expect(page.get_by_text("E-mail me when it is my turn")).to_be_visible()


async def test_who_chose_to_be_called_is_called_once(visitor: OpenContext, product: Product) -> None:
    room_id = await product.a_sale(claim_window_s=600)
    context = await visitor()
    await context.add_init_script(HEARD)
    await hide(context)
    page = await context.new_page()
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.evaluate("globalThis.looking = true")
    await expect(heading(page)).to_have_text("You are in the queue")
    await page.get_by_text("Notify me when it is my turn").click()
    await page.get_by_label("With a sound").check()
    await page.get_by_label("With a notification on this device").check()
    await page.evaluate("globalThis.looking = false; heard.length = 0")
    await product.let_in(room_id)
    await expect(heading(page)).to_have_text("It is your turn")
    assert "icon-turn.svg" in (await page.locator('link[rel="icon"]').get_attribute("href") or "")
    await page.wait_for_function("heard.length >= 4")
    assert await page.evaluate("heard") == ["It is your turn · Northern Lights", "note", "note", "note"]
    await page.reload()
    await expect(page.get_by_label("With a sound")).to_be_checked()


async def test_a_place_goes_to_another_device(visitor: OpenContext, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(await (await visitor()).new_page(), product, room_id)
    first = await (await visitor()).new_page()
    await join_queue(first, product, room_id)
    number = await number_of(first)
    await first.get_by_role("link", name="Move your place to another device").click()
    await expect(first.locator(".qr svg")).to_be_visible()
    link = await first.get_by_label("Link to your place", exact=True).input_value()
    second = await (await visitor()).new_page()
    requests: list[str] = []
    second.on("request", lambda request: requests.append(request.url))
    await second.goto(link)
    await second.get_by_role("button", name="Move the place here").click()
    await expect(heading(second)).to_have_text("You are in the queue")
    assert await number_of(second) == number
    code = link.partition("#")[2]
    assert code
    assert not any(code in url.partition("#")[0] for url in requests)
    assert (await product.status(room_id))["waiting"] == 2
    await first.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(first)).to_have_text("You left the queue")


async def test_a_place_is_given_up_for_another_only_by_a_second_button(
    visitor: OpenContext, plain_page: Page, product: Product
) -> None:
    room_id = await product.a_sale()
    other = await (await visitor()).new_page()
    await join_queue(other, product, room_id)
    await plain_page.goto(f"{product.url}/rooms/{room_id}")
    await plain_page.get_by_role("button", name="Join the queue").click()
    await plain_page.get_by_role("link", name="Move your place to another device").click()
    link = await plain_page.get_by_label("Link to your place", exact=True).input_value()
    await other.goto(link)
    await other.get_by_role("button", name="Move the place here").click()
    await expect(other.get_by_role("alert")).to_contain_text("already has a place")
    assert (await product.status(room_id))["waiting"] == 2
    await other.get_by_role("button", name="Give up this place and move the other one here").click()
    await expect(heading(other)).to_have_text("You are in the queue")
    assert await number_of(other) == "2"


async def test_a_link_that_is_none_is_told_and_changes_nothing(plain_page: Page, product: Product) -> None:
    room_id, other = await product.a_sale(), await product.a_sale()
    await plain_page.goto(f"{product.url}/rooms/{room_id}")
    await plain_page.get_by_role("button", name="Join the queue").click()
    await plain_page.get_by_role("link", name="Move your place to another device").click()
    link = await plain_page.get_by_label("Link to your place", exact=True).input_value()
    for path, text in ((room_id, "nonsense"), (other, link)):
        await plain_page.goto(f"{product.url}/rooms/{path}/carry")
        await plain_page.get_by_label("Link to your place, from the other device").fill(text)
        await plain_page.get_by_role("button", name="Move the place here").click()
        await expect(plain_page.get_by_role("alert")).to_contain_text("it has been used")
    assert (await product.status(other))["waiting"] == 0
