"""The public fairness page: what it shows of a room, what may be cached, and receipts as files."""

from __future__ import annotations

import re

import msgspec
import pytest

from app import i18n
from app.core.clock import from_ms, now_ms
from app.core.model import RoomId
from app.core.waiting_room.history import Step
from app.store.sql.monitoring import room_history
from app.store.sql.monitoring.room_history import StoredStep
from app.store.sql.waiting_room import rooms
from app.waiting_room.room_log import write
from tests.monitoring.test_samples import START
from tests.routes.conftest import Web, bearer

HALL = RoomId("hall")
PAGE = "/rooms/hall/fairness"
HTML = {"Accept": "text/html"}


async def text_of(web: Web, query: str = "", **headers: str) -> str:
    """The page's current text, without markup."""
    web.app.caches.fairness.forget(HALL)
    answer = await web.get(PAGE + query, headers=HTML | headers)
    assert answer.status_code == 200, answer.text
    return re.sub(
        r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text.partition("<main")[2].partition("</main")[0])
    )


async def test_a_room_without_a_log_and_one_that_nobody_joined_say_so(web: Web) -> None:
    await web.room()
    assert "There is no log yet." in await text_of(web)
    await write(web.app.stores, HALL)
    assert "Nobody has joined this queue yet" in await text_of(web)
    assert (await web.get("/rooms/nowhere/fairness", headers=HTML)).status_code == 404


async def test_it_says_what_the_log_and_the_samples_say(web: Web) -> None:
    await web.room(admission_rate_per_minute=60, queueing_method="lottery")
    tokens = [(await web.join("hall"))["place_token"] for _ in range(3)]
    await web.send("DELETE", "/v1/rooms/hall/places/me", headers=bearer(tokens[2]))
    operator = web.as_("operator")
    await web.send("PATCH", "/v1/rooms/hall", json={"admission_rate_per_minute": 90}, headers=operator)
    await web.post("/v1/rooms/hall/pause", headers=operator)
    await write(web.app.stores, HALL)
    text = await text_of(web)
    assert re.search(r"Joined 3 Called \d Took their turn 0 Missed their turn 0 Left by themselves 1 ", text)
    assert "automatically 1 Queue paused 1" in text
    seed = await web.app.stores.postgres.fetchval("SELECT seed FROM rooms")
    assert seed.hex() in text  # the room is open, so the seed is public
    head = (await web.get("/v1/rooms/hall/log/head")).json()["head"]
    assert f"Signed entries {head['size']} " in text
    assert re.search(r"Root hash [0-9a-f]{64} ", text)
    assert "fairgate audit hall --url http://fairgate.test" in text


@pytest.mark.parametrize("language", i18n.LANGUAGES)
async def test_its_address_can_say_the_language(web: Web, language: str) -> None:
    await web.room()
    answer = await web.get(f"{PAGE}?language={language}&utm_source=press", headers=HTML)
    assert f'<html lang="{language}"' in answer.text
    assert "cookie" not in answer.headers["vary"].lower()


async def test_it_is_for_any_cache_for_seconds_and_hidden_rooms_are_for_none(web: Web) -> None:
    await web.event("gala", published=False)
    await web.room()
    answer = await web.get(PAGE, headers=HTML)
    assert answer.headers["cache-control"] == "public, max-age=5"
    assert {it.strip().lower() for it in answer.headers["vary"].split(",")} == {
        "accept-encoding",
        "accept-language",
        "cookie",
    }
    assert "set-cookie" not in answer.headers
    assert (await web.get("/rooms/gala/fairness", headers=HTML)).status_code == 404
    response = await web.get("/rooms/gala/fairness", headers=HTML | web.as_("admin"))
    assert (response.status_code, response.headers["cache-control"]) == (200, "private, no-store")


async def test_waits_are_those_of_the_rooms_own_history(web: Web) -> None:
    await web.room()
    assert "Nobody has had to wait yet." in await text_of(web)
    moments, now_s = [(60, 0, 10), (40, 0, 10), (30, 5, 10), (0, 10, 10)], now_ms() // 1000
    for seconds, serving, last in moments:
        await web.app.stores.postgres.execute(
            "INSERT INTO calls (room_id, called_at, serving_position, last_number) "
            "VALUES ('hall', to_timestamp($1), $2, $3) ON CONFLICT DO NOTHING",
            now_s - seconds - 10,
            serving,
            last,
        )
    assert len(await rooms.select_progress(web.app.stores.postgres, HALL)) >= len(moments)
    assert "Half of the people waited no longer than 30 seconds, nine in ten no longer than 60 seconds" in (
        await text_of(web)
    )


async def test_shown_waits_are_held_against_the_real_ones(web: Web) -> None:
    """Ten joined six minutes ago and were called five minutes later; they were shown 10 and 50 minutes."""
    await web.room()
    stores, ago = web.app.stores, now_ms() - 400_000
    for at_ms, serving in ((ago, 0), (ago + 300_000, 10)):
        values = (from_ms(at_ms), serving)
        await stores.postgres.execute("INSERT INTO calls VALUES ('hall', $1, $2, 10)", *values)
    pace, ranges = (60.0, 0.0, 60.0), "5:50,15:150,60:600,240:2400,960:9600,3840:38400"
    generation = await stores.postgres.fetchval("SELECT generation FROM rooms WHERE room_id = 'hall'")
    sample = msgspec.structs.replace(START, pace=pace, ranges=ranges, generation=generation)
    steps = [msgspec.structs.replace(sample, at_ms=(ago // 60_000 + at) * 60_000) for at in range(1, 7)]
    await room_history.insert_steps(stores.postgres, [StoredStep(HALL, 60, Step(it, 60)) for it in steps])
    text = await text_of(web)
    assert "was enough for" in text
    assert "the longer one for 100%" in text


async def test_the_receipt_of_a_place_is_a_file_for_the_browser_that_has_it(web: Web) -> None:
    await web.room(admission_rate_per_minute=0)
    answer = await web.post("/v1/rooms/hall/places")
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0], **HTML}
    await write(web.app.stores, HALL)
    assert "/rooms/hall/receipt" in (await web.get("/rooms/hall", headers=cookie)).text
    file = await web.get("/rooms/hall/receipt", headers=cookie)
    assert file.status_code == 200, file.text
    assert file.headers["content-disposition"] == 'attachment; filename="fairgate-receipt-hall.json"'
    assert file.headers["cache-control"].endswith("no-store")
    receipt = file.json()["receipt"]
    assert (receipt["visitor_id"], receipt["queue_number"]) == (answer.json()["visitor_id"], 1)
    nobody = await web.get("/rooms/hall/receipt", headers=HTML)
    assert (nobody.status_code, nobody.headers["content-type"]) == (404, "text/html; charset=utf-8")
