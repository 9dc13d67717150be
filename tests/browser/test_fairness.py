"""The fairness page in a browser: it reads and recomputes a real room's log, and refuses what was altered on
the way.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, expect

from app.web.http.assets import load_assets
from tests.browser.conftest import Product
from tests.browser.steps import heading
from tests.core.assurance import test_draw_beacon as drawn
from tests.core.assurance import test_fairness as fair
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser

GOOD, BAD = "Everything is in order.", "Something is wrong."


@pytest.fixture(scope="module")
async def empty(chromium: Browser) -> AsyncIterator[Page]:
    """A page that can import our modules."""
    page = await chromium.new_page()

    async def serve(route: Route) -> None:
        asset = load_assets().files.get(route.request.url.rpartition("/")[2])
        await route.fulfill(
            body=asset.plain if asset else b"", content_type="text/javascript" if asset else "text/html"
        )

    await page.route("**/*", serve)
    await page.goto("http://fairgate.test/")
    yield page
    await page.close()


FAIR = (fair.FIFO, fair.LOTTERY, fair.LANES, fair.RESTORED, fair.MIXED, fair.PARTS, drawn.BEACON, drawn.MOVED)
LOGS = [*(("", it) for it in FAIR), *fair.BY_INSIDERS, *drawn.BY_INSIDERS]

OF_THE_PAGE = (
    "seed",
    "draw_root",
    "other_room",
    "beacon_late",
    "beacon_signature",
)  # checked by the page itself, which computes hashes and knows its room


async def test_the_browser_judges_a_queue_as_the_audit_does(empty: Page) -> None:
    exports = [fair.export(lines) for _, lines in LOGS]
    chain = {"hash": drawn.CHAIN.hash, "genesis": drawn.CHAIN.genesis_time, "period": drawn.CHAIN.period}
    found = await empty.evaluate(
        """async ([logs, chain]) => {
            const { Queue } = await import("/log-queue.js");
            return logs.map((entries) => {
                const queue = new Queue(chain);
                entries.forEach((entry) => queue.take(entry));
                queue.finish();
                return queue.findings.map(({ leaf, kind }) => `${leaf} ${kind}`);
            });
        }""",
        [[it.entries for it in exports], chain],
    )
    for it, (kind, _), kinds in zip(exports, LOGS, found, strict=True):
        findings = drawn.audit(it).findings
        ours = [f"{finding.leaf} {finding.kind}" for finding in findings if finding.kind not in OF_THE_PAGE]
        assert sorted(kinds) == sorted(ours), kind


async def test_a_draw_waits_for_the_beacon_and_a_fan_checks_it(page: Page, product: Product) -> None:
    room_id = await product.a_sale(
        opened=False,
        queueing_method="lottery",
        draw_entropy="beacon",
        prequeue_at="2026-01-01T00:00:00Z",
        opens_at="2035-01-01T12:00:00Z",
    )
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(page)).to_have_text("You are in the pre-queue")
    await page.get_by_text("How the draw is kept fair").click()
    await expect(page.get_by_text("with a public random number")).to_be_visible()
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    await expect(page.get_by_text("The draw waits for a public random number")).to_be_visible()
    await expect(heading(page)).to_have_text("You are in the queue", timeout=60_000)

    async def drawn_with() -> Any:  # a web process learns of it within a second
        return (beacon := (await product.status(room_id))["draw"]["beacon"])["signature"] and beacon

    beacon = await wait_until(drawn_with, "the round of the draw")
    await page.get_by_text("Check my draw").click()
    await page.get_by_role("button", name="Check it on this device").click()
    await expect(page.locator("[data-verdict]")).to_contain_text("The seed matches the fingerprint")
    await expect(page.locator('[data-fill="randomness"]')).to_have_text(beacon["randomness"])
    verdict = await page.locator("[data-verdict]").inner_text()
    await signed_up_to(product, room_id, " drawn 1 ")
    async with httpx.AsyncClient(verify=False, base_url=product.url, timeout=20) as client:
        entries = (await client.get(f"/v1/rooms/{room_id}/log/entries")).json()["entries"]
    [drawn_as] = [it.split(" ")[4] for it in entries if " drawn 1 " in it]
    assert f"Your draw is {int(drawn_as):,}" in verdict
    await page.goto(f"{product.url}/rooms/{room_id}/fairness")
    await check(page)
    await expect(page.locator("[data-says]")).to_contain_text(GOOD)
    await expect(page.get_by_text(beacon["signature"])).to_be_visible()
    alter = altering(of_another_round)
    await page.route("**/log/entries?*", alter)
    await check(page)
    await expect(line(page, "draw")).to_have_attribute("data-is", "bad")


async def a_drawn_room(product: Product) -> str:
    """A lottery of six whose first three were called, with a log signed to its end."""
    room_id = await product.a_sale(
        opened=False,
        queueing_method="lottery",
        draw_entropy="entries",
        prequeue_at="2026-01-01T00:00:00Z",
        opens_at="2035-01-01T12:00:00Z",
        active_visitors_max=3,
        claim_window_s=600,
    )

    async def begun() -> bool:
        return str((await product.status(room_id))["state"]) == "prequeue"

    await wait_until(begun, "the pre-queue")
    for _ in range(6):
        async with httpx.AsyncClient(verify=False, base_url=product.url, timeout=20) as client:
            assert (await client.post(f"/v1/rooms/{room_id}/places")).status_code == 201
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    await product.let_in(room_id)
    await signed_up_to(product, room_id, " called 3 ")
    return room_id


async def signed_up_to(product: Product, room_id: str, text: str) -> None:
    """Wait until the newest head covers an entry."""

    async def covers() -> bool:
        log = f"/v1/rooms/{room_id}/log"
        async with httpx.AsyncClient(verify=False, base_url=product.url, timeout=20) as client:
            entries, head = await client.get(f"{log}/entries"), await client.get(f"{log}/head")
        if not entries.is_success or not head.is_success or head.json()["head"] is None:
            return False  # it has not started
        return any(text in it for it in entries.json()["entries"][: head.json()["head"]["size"]])

    await wait_until(covers, f"a head that covers {text!r}", every_s=0.3)


async def check(page: Page) -> None:
    await page.locator("html[data-runs]").wait_for()
    button = page.get_by_role("button", name="Check it in my browser")
    await button.click()
    await expect(button).to_be_enabled()  # disabled while the check runs


def line(page: Page, name: str) -> Any:
    return page.locator(f'[data-check-of="{name}"]')


Change = Callable[[dict[str, Any]], None]


def swapped(page: dict[str, Any]) -> None:
    """Swap the first and the second visitor called."""
    calls = [at for at, entry in enumerate(page["entries"]) if " called " in entry]
    first, second, *_ = calls
    page["entries"][first], page["entries"][second] = page["entries"][second], page["entries"][first]


def without_a_draw(page: dict[str, Any]) -> None:
    page["entries"] = [it for it in page["entries"] if " drawn 2 " not in it]


def of_another_seed(page: dict[str, Any]) -> None:
    page["entries"] = [
        f"{it.rpartition(' ')[0]} {'ab' * 32}" if " revealed " in it else it for it in page["entries"]
    ]


def of_another_root(page: dict[str, Any]) -> None:
    page["entries"] = [
        f"{it.rpartition(' ')[0]} {'ab' * 32}" if " mixed " in it else it for it in page["entries"]
    ]


def of_another_round(page: dict[str, Any]) -> None:
    page["entries"] = [it + "0" if " awaits " in it else it for it in page["entries"]]


def forged(page: dict[str, Any]) -> None:
    for head in page["heads"]:
        head["statement"] = head["statement"][:-8] + "AAAAAAAA"


ALTERED: list[tuple[str, Change, tuple[str, ...]]] = [
    ("entries", swapped, ("tree", "calls")),
    ("entries", without_a_draw, ("tree", "draw")),
    ("entries", of_another_seed, ("tree", "draw")),
    ("entries", of_another_root, ("tree", "draw")),
    ("heads", forged, ("signatures",)),
]


def altering(change: Change) -> Callable[[Route], Awaitable[None]]:
    """A handler that alters the server's responses."""

    async def alter(route: Route) -> None:
        answer = await route.fetch()
        document = await answer.json()
        change(document)
        await route.fulfill(response=answer, body=json.dumps(document))

    return alter


async def test_a_real_room_is_found_fair_and_what_was_altered_is_refused(
    page: Page, product: Product
) -> None:
    room_id = await a_drawn_room(product)
    await page.goto(f"{product.url}/rooms/{room_id}/fairness")
    await check(page)
    await expect(page.locator("[data-says]")).to_contain_text(GOOD)
    for name in ("signatures", "tree", "whole", "numbers", "draw", "calls", "rate", "turns"):
        await expect(line(page, name)).to_have_attribute("data-is", "good")
    await expect(line(page, "kept")).to_be_hidden()  # it is the first time
    for what, change, refused in ALTERED:
        alter = altering(change)
        await page.route(f"**/log/{what}?*", alter)
        await check(page)
        await expect(page.locator("[data-says]")).to_contain_text(BAD)
        for name in refused:
            await expect(line(page, name)).to_have_attribute("data-is", "bad")
        await page.unroute(f"**/log/{what}?*", alter)
    await check(page)
    await expect(page.locator("[data-says]")).to_contain_text(GOOD)
    await expect(line(page, "kept")).to_have_attribute("data-is", "good")
    await page.evaluate(
        """(key) => {
            const kept = JSON.parse(localStorage.getItem(key));
            localStorage.setItem(key, JSON.stringify({ ...kept, root: "00".repeat(32) }));
        }""",
        f"fairgate_log_{room_id}",
    )
    await check(page)  # what this browser read earlier is not the beginning of this log
    await expect(page.locator("[data-says]")).to_contain_text(BAD)
    await expect(line(page, "kept")).to_have_attribute("data-is", "bad")
