"""What is decided on the server and again in the browser is decided alike."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route

from app.core import rules, words
from app.web.assets import load_assets
from app.web.queue_document import notice_of, panel_of

pytestmark = pytest.mark.browser

ROOM_STATES = ("scheduled", "prequeue", "open", "paused", "sold_out", "closed")
PLACE_STATES = (
    None,
    "prequeue",
    "waiting",
    "called",
    "active",
    "done",
    "expired",
    "no_show",
    "left",
    "removed",
)


@pytest.fixture
async def modules(chromium: Browser) -> AsyncIterator[Page]:
    """An empty English page that can import our modules; nothing else is running."""
    page = await chromium.new_page()

    async def serve(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name:
            asset = load_assets().files[name]
            await route.fulfill(body=asset.plain, content_type=asset.content_type)
        else:
            await route.fulfill(body='<!doctype html><html lang="en">', content_type="text/html")

    await page.route("**/*", serve)
    await page.goto("http://fairgate.test/")
    yield page
    await page.close()


async def asked(modules: Page, script: str, cases: list[Any]) -> Any:
    """`script` over all cases, in the browser."""
    return await modules.evaluate(
        f"""async (cases) => {{
            const line = await import("/line.js"), words = await import("/words.js");
            return cases.map((it) => {script});
        }}""",
        cases,
    )


async def test_panels_and_notices_are_the_same_with_and_without_scripts(modules: Page) -> None:
    cases: list[Any] = [
        {
            "status": {"state": room, "available": free, "serving_position": serving},
            "place": {"state": place, "quantity": quantity, "queue_number": 7} if place else None,
        }
        for room, place, free, quantity, serving in itertools.product(
            ROOM_STATES, PLACE_STATES, (None, 0, 2, 5), (1, 2, 3), (6, 7)
        )
    ]
    script = "[line.panelOf(it.status, it.place), line.noticeOf(it.status, it.place, false)]"
    for case, (panel, notice) in zip(cases, await asked(modules, script, cases), strict=True):
        state, place = case["status"]["state"], case["place"]
        expected = panel_of(state, place["state"] if place else None)
        assert panel == expected, case
        quantity = place["quantity"] if place else 1
        reached = place is not None and case["status"]["serving_position"] >= 7
        assert notice == notice_of(state, expected, case["status"]["available"], quantity, reached), case


async def test_waits_are_written_the_same(modules: Page) -> None:
    seconds = (0, 20, 59, 60, 89, 95, 600, 3540, 3600, 5399, 5400, 9000, 9100, 80_000, 20_000_000)
    cases = [{"p50": low, "p90": high} for low in seconds for high in seconds if low <= high]
    patterns = '{under: "under a minute", about: "about {a}", range: "{a} to {b}", unknown: ""}'
    for case, text in zip(cases, await asked(modules, f"words.wait(it, {patterns})", cases), strict=True):
        assert text == words.wait((case["p50"], case["p90"])), case


async def test_clocks_are_written_the_same(modules: Page) -> None:
    cases = [-1, 0, 1, 999, 1000, 59_001, 60_000, 3_599_999, 3_600_000, 86_399_000, 86_400_000, 400_000_000]
    assert await asked(modules, "words.clock(it)", cases) == [words.clock(case) for case in cases]


async def test_money_is_written_the_same(modules: Page) -> None:
    cases: list[Any] = [
        [amount, currency]
        for amount in (0, 5, 4500, 123_456_789)
        for currency in ("EUR", "USD", "GBP", "JPY", "CHF", "KWD")
    ]
    expected = [words.money(amount, currency) for amount, currency in cases]
    assert await asked(modules, "words.money(...it)", cases) == expected


async def test_waits_are_estimated_the_same(modules: Page) -> None:
    cases: list[Any] = [
        [{"admission_rate_per_minute": rate, "outflow_per_minute": outflow}, ahead + 1]
        for rate, outflow in ((0, 5), (600, 0), (600, 480), (60, 600), (7, 3))
        for ahead in (0, 1, 37, 20_000)
    ]
    estimates = await asked(modules, "line.waitOf(...it)", cases)
    for (status, position), estimate in zip(cases, estimates, strict=True):
        rate, outflow = status["admission_rate_per_minute"], status["outflow_per_minute"]
        expected = rules.wait_range_s(position - 1, outflow, rate)
        assert estimate == (expected and {"p50": expected[0], "p90": expected[1]}), status


async def test_the_position_only_falls(modules: Page) -> None:
    cases: list[Any] = [
        [{"serving_position": serving}, {"queue_number": 100, "queue_position": exact}]
        for serving in (0, 40, 99, 100, 130)
        for exact in (None, 1, 30, 100)
    ]
    for (status, place), position in zip(
        cases, await asked(modules, "line.positionOf(...it)", cases), strict=True
    ):
        bound = max(1, 100 - status["serving_position"])
        assert position == min(bound, place["queue_position"] or bound)


async def test_those_who_were_passed_over_are_counted(modules: Page) -> None:
    status, place = {"serving_position": 7}, {"queue_number": 9, "queue_position": 5}
    script = "line.positionOf({serving_position: it[2]}, {...it[1], passed: line.passedOf(it[0], it[1])})"
    assert await asked(modules, script, [[status, place, 7], [status, place, 8]]) == [5, 4]
