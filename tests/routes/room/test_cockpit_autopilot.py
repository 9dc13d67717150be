"""The cockpit's autopilot panel: what it shows, and what staff can do with it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from app.core.model import RoomId
from app.core.waiting_room import autopilot as rule
from app.waiting_room.autopilot import steer_rooms
from tests.routes.conftest import Web

PAGE = "/admin/rooms/hall"
FORM = f"{PAGE}/autopilot"
ORIGIN = "/v1/rooms/hall/origin"
FIELDS = {
    **{"floor": "60", "ceiling": "6000", "p95_ms": "900"},
    **{"error_percent": "0,5", "in_flight": "", "settle_s": "10"},
}


async def page(web: Web) -> str:
    """The text of the cockpit, without tags."""
    answer = await web.get(PAGE, headers=await web.staff("operator", "ann"))
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", answer.text)))


async def submit(web: Web, path: str, **form: str) -> tuple[int, str]:
    """The status and, if the page is shown again, the error on it."""
    answer = await web.send("POST", path, data=form, headers=await web.staff("operator", "ann"))
    wrong = re.search(r'<div class="problem" role="alert">([^<]*)</div>', answer.text)
    return answer.status_code, wrong[1] if wrong else ""


async def setting(web: Web) -> Any:
    return (await web.get("/v1/rooms/hall/settings", headers=web.as_("operator"))).json()["autopilot"]


async def rate(web: Web) -> int:
    return (await web.app.queues.loaded_rooms.read(RoomId("hall"))).settings.admission_rate_per_minute


async def test_it_is_switched_on_changed_paused_resumed_and_switched_off(web: Web) -> None:
    await web.room()
    assert "The shop sets the pace" in await page(web)
    assert await submit(web, FORM, do="save", **FIELDS) == (303, "")
    on = await setting(web)
    assert (on["floor"], on["ceiling"], on["p95_ms"], on["error_rate"]) == (60, 6_000, 900, 0.005)
    assert (on["in_flight"], on["settle_s"], on["paused"]) == (None, 10, False)
    text = await page(web)
    assert "p95 900 ms · errors 0.5%; 60 to 6,000 a minute" in text
    assert await submit(web, FORM, do="pause") == (303, "")
    assert (await setting(web))["paused"]
    assert await submit(web, FORM, do="save", **(FIELDS | {"floor": "70", "in_flight": "200"})) == (303, "")
    changed = await setting(web)
    assert (changed["floor"], changed["in_flight"], changed["paused"]) == (70, 200, True)
    assert await submit(web, FORM, do="resume") == (303, "")
    assert not (await setting(web))["paused"]
    text = await page(web)
    for words in ("resumed", "changed", "paused", "on"):
        assert f"ann autopilot {words}" in text, words
    assert "Undo: autopilot resumed" in text
    assert await submit(web, FORM, do="off") == (303, "")
    assert await setting(web) is None


async def test_what_makes_no_sense_is_refused_and_stays_in_the_form(web: Web) -> None:
    await web.event("hall")
    for name, text, problem in (
        ("floor", "", "Floor must be a whole number"),
        ("floor", "many", "Floor must be a whole number"),
        ("floor", "0", "Floor must be at least 1"),
        ("ceiling", "59", "Ceiling must be at least the floor"),
        ("error_percent", "few", "Error rate must be a number of per cent, as 1 or 0.5"),
        ("error_percent", "nan", "Error rate must be a number of per cent, as 1 or 0.5"),
        ("error_percent", "200", "Error rate must be at most 1.0"),
        ("in_flight", "x", "In flight must be a whole number"),
    ):
        assert await submit(web, FORM, do="save", **(FIELDS | {name: text})) == (422, problem), (name, text)
    answer = await web.send(
        "POST",
        FORM,
        data=FIELDS | {"do": "save", "ceiling": "59"},
        headers=await web.staff("operator", "ann"),
    )
    assert 'value="59"' in answer.text
    assert "<details open" in answer.text
    for do in ("pause", "fly", ""):
        assert (await submit(web, FORM, do=do))[0] == 422, do
    assert await setting(web) is None


async def test_what_it_did_is_told_with_its_reason_and_staff_undo_their_own(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule, "STEP_MS", 0)
    await web.room(admission_rate_per_minute=600, autopilot={"floor": 60, "ceiling": 6_000})
    await submit(web, f"{PAGE}/settings", message="Soon")
    report = {"p95_ms": 2_400, "error_rate": 0.002, "in_flight": 31}
    await web.post(ORIGIN, report, headers=web.as_("operator"))
    await steer_rooms(web.app.queues)
    lowered = await rate(web)
    text = await page(web)
    why = "p95 2,400 ms of 800, errors 0.20% of 1.00%: over the target"
    assert f"lowered 600 → {lowered}: {why}" in text
    assert f"· autopilot rate 600 → {lowered}: {why}" in text
    assert "Slowest answers 2,400 ms" in text
    assert "Undo: message (empty) → “Soon”" in text


async def test_a_form_that_still_shows_an_older_rate_does_not_bring_it_back(web: Web) -> None:
    await web.room(admission_rate_per_minute=600, autopilot={"floor": 60, "ceiling": 6_000})
    shown = {"admission_rate_per_minute_was": "900", "active_visitors_max_was": "1000"}
    same = shown | {"admission_rate_per_minute": "900", "active_visitors_max": "500"}
    assert await submit(web, f"{PAGE}/settings", **same) == (303, "")
    room = (await web.app.queues.loaded_rooms.read(RoomId("hall"))).settings
    assert (room.admission_rate_per_minute, room.active_visitors_max) == (600, 500)
    assert not (await setting(web))["paused"]
    typed = shown | {"admission_rate_per_minute": "700", "active_visitors_max": "1000"}
    assert await submit(web, f"{PAGE}/settings", **typed) == (303, "")
    assert await rate(web) == 700
    assert (await setting(web))["paused"]
    text = await page(web)
    assert "autopilot paused, rate 600 → 700" in text
    assert "The rate stays as staff set it." in text
