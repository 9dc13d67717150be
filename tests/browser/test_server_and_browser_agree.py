"""What both the server and the browser decide, they decide alike."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any, get_args

import msgspec
import pytest
from playwright.async_api import Browser, Page, Route

from app import i18n
from app.core.clock import from_ms
from app.core.currencies import SCALES
from app.core.lanes import calls_before
from app.core.model import Blocked, Pace
from app.core.ranges import read_ranges
from app.core.text import formatting
from app.core.waiting_room.wait_estimate import wait_range_s
from app.i18n import LANGUAGES
from app.web.documents.waiting_room import pace_document, slower_document
from app.web.http.assets import load_assets
from app.web.pages.room.queue_document import notice_of, panel_of, slower_of, still_s_of

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


@pytest.fixture(scope="module")
async def blank(chromium: Browser) -> AsyncIterator[Page]:
    """A page that can import our modules; nothing else is running."""
    page = await chromium.new_page()

    async def serve(route: Route) -> None:
        name, _, language = route.request.url.rpartition("/")[2].partition("?")
        if name:
            asset = load_assets().files[name]
            await route.fulfill(body=asset.plain, content_type=asset.content_type.decode())
        else:
            body = f'<!doctype html><html lang="{language or "en"}">'
            await route.fulfill(body=body, content_type="text/html")

    await page.route("**/*", serve)
    yield page
    await page.close()


@pytest.fixture
async def modules(blank: Page) -> Page:
    """An empty English page (`?de`: German) without leftovers of an earlier test."""
    await blank.goto("http://fairgate.test/")
    return blank


async def run_cases(modules: Page, script: str, cases: list[Any]) -> Any:
    """Run `script` over all cases, in the browser.

    They go and come as JSON: Playwright would wrap each value of thousands of cases in an object of its own.
    """
    found = await modules.evaluate(
        f"""async (cases) => {{
            const line = await import("/position.js"), words = await import("/formatting.js");
            const strict = (_, it) => typeof it === "number" && !Number.isFinite(it) ? String(it) : it;
            return JSON.stringify(JSON.parse(cases).map((it) => {script}), strict);
        }}""",
        json.dumps(cases),
    )
    return json.loads(found)


async def test_panels_and_notices_are_the_same_with_and_without_scripts(modules: Page) -> None:
    cases: list[Any] = [
        {
            "status": {
                "state": room,
                "available": free,
                "serving_position": serving,
                "blocked": blocked or None,
                **({"members_only": True} if free == 5 else {}),
            },
            "place": {"state": place, "quantity": quantity, "queue_number": 7} if place else None,
        }
        for room, place, free, quantity, serving, blocked in itertools.product(
            ROOM_STATES, PLACE_STATES, (None, 0, 2, 5), (1, 2, 3), (6, 7), get_args(Blocked)
        )
    ]
    script = "[line.panelOf(it.status, it.place), line.noticeOf(it.status, it.place, false)]"
    for case, (panel, notice) in zip(cases, await run_cases(modules, script, cases), strict=True):
        state, place = case["status"]["state"], case["place"]
        expected = panel_of(state, place["state"] if place else None, case["status"]["available"] == 5)
        assert panel == expected, case
        quantity = place["quantity"] if place else 1
        reached = place is not None and case["status"]["serving_position"] >= 7
        arguments = (case["status"]["available"], quantity, reached, case["status"]["blocked"] or "")
        assert notice == notice_of(state, expected, *arguments), case


MAIN = ("EUR", "USD", "GBP", "JPY", "CHF", "KWD", "HUF", "RSD")
SPACES = str.maketrans({"\u00a0": " ", "\u202f": " "})
PATTERNS = {"under": "<1", "about": "~{a}", "range": "{a}-{b}", "unknown": ""}


def agree(written: list[str], expected: list[str]) -> bool:
    """Whether the texts match; the kind of space between digits is up to the libraries."""
    return [it.translate(SPACES) for it in written] == [it.translate(SPACES) for it in expected]


def figures(written: str) -> str:
    """The digits of an amount."""
    return "".join(it for it in written if it.isdigit())


@pytest.mark.parametrize("language", LANGUAGES)
async def test_waits_clocks_and_money_are_written_the_same(modules: Page, language: str) -> None:
    await modules.goto(f"http://fairgate.test/?{language}")
    seconds = (0, 20, 59, 60, 89, 95, 600, 3540, 3600, 5399, 5400, 9000, 9100, 80_000, 20_000_000)
    waits = [{"p50": low, "p90": high} for low in seconds for high in seconds if low <= high]
    written = await run_cases(modules, f"words.wait(it, {json.dumps(PATTERNS)})", waits)
    units = i18n.units(language)
    expected = [formatting.wait((it["p50"], it["p90"]), PATTERNS, units, language) for it in waits]
    assert agree(written, expected), (written, expected)
    written = await run_cases(modules, "words.duration(it)", [*seconds])
    expected = [formatting.duration(it, units, language) for it in seconds]
    assert agree(written, expected), (written, expected)
    clocks = [-1, 0, 1, 999, 1000, 59_001, 60_000, 3_599_999, 3_600_000, 86_399_000]
    assert await run_cases(modules, "words.clock(it)", clocks) == [formatting.clock(it) for it in clocks]
    sums: list[Any] = [
        [amount, currency, SCALES[currency]] for amount in (0, 5, 4500, 123_456_789) for currency in SCALES
    ]
    written = await run_cases(modules, "words.money(...it)", sums)
    expected = [formatting.money(amount, currency, language) for amount, currency, _ in sums]
    # Currency symbols differ between versions of CLDR; the digits never do.
    main = [it[1] in MAIN for it in sums]
    assert agree(list(itertools.compress(written, main)), list(itertools.compress(expected, main)))
    assert [figures(it) for it in written] == [figures(it) for it in expected]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_numbers_choose_the_same_plural(modules: Page, language: str) -> None:
    await modules.goto(f"http://fairgate.test/?{language}")
    names = ("zero", "one", "two", "few", "many", "other")
    patterns = {name: f"{name} {{n}}" for name in names if name != "zero"}
    numbers = [*range(1, 130), 1000, 1_000_000, 1_000_001]
    written = await run_cases(modules, f"words.counted(it, {json.dumps(patterns)})", numbers)
    assert written == [formatting.counted(n, patterns, language) for n in numbers]


async def test_waits_are_estimated_the_same(modules: Page) -> None:
    learned = read_ranges("4.2:6,15:15,61.5:70,240:400,960:1480,3900:5000")
    paces = (
        None,
        Pace(600, 0.1, 0.0, 0.1),
        Pace(600, 0.1, 51.4286, 0.07),
        Pace(7, 8.57143, 3.2, 3.42857, ranges=learned),
        Pace(60, 300_000.0, 0.0, 300_000.0),  # a full cap that hardly anybody leaves: decades
    )
    cases: list[Any] = [
        [{"pace": msgspec.to_builtins(pace_document(pace))}, ahead + 1]
        for pace in paces
        for ahead in (0, 1, 37, 20_000)
    ]
    estimates = await run_cases(modules, "line.waitOf(...it)", cases)
    for (pace, ahead), estimate in zip(itertools.product(paces, (0, 1, 37, 20_000)), estimates, strict=True):
        expected = wait_range_s(ahead, pace, pace.rate_per_minute if pace else 0)
        assert estimate == (expected and {"p50": expected[0], "p90": expected[1]}), (pace, ahead)


async def test_waits_in_a_lane_are_estimated_the_same(modules: Page) -> None:
    pace, figures = Pace(600, 0.1, 0.0, 0.1), [(60, 500), (30, 9), (10, 0)]
    lanes = [{"share": share, "waiting": waiting} for share, waiting in figures]
    shares, waiting = [list(it) for it in zip(*figures, strict=True)]
    cases: list[Any] = [
        [{"pace": msgspec.to_builtins(pace_document(pace)), "lanes": lanes}, position, lane]
        for lane in range(3)
        for position in (1, 2, 9, 400)
    ]
    estimates = await run_cases(modules, "line.waitOf(...it)", cases)
    for (_, position, lane), estimate in zip(cases, estimates, strict=True):
        expected = wait_range_s(calls_before(position, lane, shares, waiting) - 1, pace, 600)
        assert expected is not None
        assert estimate == {"p50": expected[0], "p90": expected[1]}, (position, lane)


async def test_a_longer_wait_is_explained_the_same(modules: Page) -> None:
    now_ms = 1_800_000_000_000
    paces = [Pace(600, 0.1, 0.0, 0.1, now_ms - ago_ms, "paused") for ago_ms in (0, 899_999, 900_000)]
    cases: list[Any] = [
        msgspec.to_builtins({"slower": slower_document(pace), "updated_at": from_ms(now_ms)})
        for pace in (None, *paces)
    ]
    assert await run_cases(modules, "line.slowerOf(it)", cases) == ["", "paused", "paused", ""]
    assert [slower_of(pace, now_ms) for pace in (None, *paces)] == ["", "paused", "paused", ""]


async def test_a_standstill_is_shown_for_as_long(modules: Page) -> None:
    now_ms = 1_800_000_000_000
    cases: list[Any] = [
        [ago_s, notice] for ago_s in (0, 40, 49, 119, 120, 7_300) for notice in ("", "paused")
    ]
    script = (
        f"line.stillOf({{still_since: new Date({now_ms} - 1000 * it[0]).toISOString()}}, {now_ms}, it[1])"
    )
    expected = [still_s_of(now_ms - 1000 * ago_s, now_ms, notice) for ago_s, notice in cases]
    assert await run_cases(modules, script, cases) == expected
    assert (await run_cases(modules, f"line.stillOf({{still_since: null}}, {now_ms}, '')", [1])) == [0]


async def test_the_position_only_falls(modules: Page) -> None:
    cases: list[Any] = [
        [{"serving_position": serving}, {"queue_number": 100, "queue_position": exact}]
        for serving in (0, 40, 99, 100, 130)
        for exact in (None, 1, 30, 100)
    ]
    for (status, place), position in zip(
        cases, await run_cases(modules, "line.positionOf(...it)", cases), strict=True
    ):
        bound = max(1, 100 - status["serving_position"])
        assert position == min(bound, place["queue_position"] or bound)


async def test_those_who_were_passed_over_are_counted(modules: Page) -> None:
    status, place = {"serving_position": 7}, {"queue_number": 9, "queue_position": 5}
    script = "line.positionOf({serving_position: it[2]}, {...it[1], passed: line.passedOf(it[0], it[1])})"
    assert await run_cases(modules, script, [[status, place, 7], [status, place, 8]]) == [5, 4]
