"""What fans can read and set on the queue page besides their place."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from icalendar import Calendar

from tests.routes.conftest import Web
from tests.routes.room.test_returns import sold_out
from worker.context import WorkerContext

OURS = {"Sec-Fetch-Site": "same-origin"}
STANDING = 'data-shown="([a-z_]+)"'


def cookie(room_id: str, token: str) -> dict[str, str]:
    """A browser that has this place."""
    return {"Cookie": f"fairgate_place_{room_id}={token}", **OURS}


async def test_prices_are_read_while_waiting_and_the_reader_chooses_the_language(web: Web) -> None:
    await web.event(room={"admission_rate_per_minute": 0, "locale": "fr"})
    place = await web.join("gala")
    headers = cookie("gala", place["place_token"])
    page = (await web.get("/rooms/gala", headers=headers)).text
    assert re.search(r"<dt>Floor</dt><dd>50,00\s€</dd>", page)
    assert 'lang="fr"' in page
    assert page.index("Prix des billets") < page.index('data-when="leavable"')
    chosen = await web.send(
        "POST", "/language", data={"language": "de"}, headers=OURS | {"Referer": "http://x/rooms/gala?a=1"}
    )
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/rooms/gala?a=1")
    german = headers | {"Cookie": f"{headers['Cookie']}; fairgate_language=de"}
    assert '<html lang="de"' in (await web.get("/rooms/gala", headers=german)).text
    for sent, back in (({"language": "xx"}, "http://x//evil.example"), ({}, "nonsense")):
        again = await web.send("POST", "/language", data=sent, headers=OURS | {"Referer": back})
        assert again.headers["location"] == "/"
        assert "fairgate_language=;" in again.headers["set-cookie"].replace('""', "")
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await web.send("POST", "/language", data={"language": "de"}, headers=foreign)).status_code == 403


async def test_the_opening_is_a_calendar_entry_with_an_alarm_until_it_is_past(web: Web) -> None:
    opens_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    await web.event(timezone="Europe/Berlin", room={"opens_at": opens_at.isoformat()}, opened=False)
    page = (await web.get("/rooms/gala")).text
    assert 'href="/rooms/gala/opening.ics"' in page
    answer = await web.get("/rooms/gala/opening.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    [entry] = Calendar.from_ical(answer.text).walk("VEVENT")
    assert entry.decoded("dtstart") == opens_at
    assert entry["dtstart"].params["TZID"] == "Europe/Berlin"
    [alarm] = entry.walk("VALARM")
    assert alarm.decoded("trigger") == timedelta(minutes=-15)
    await web.room("past")
    assert (await web.get("/rooms/past/opening.ics")).status_code == 404


async def test_sold_out_is_a_queue_for_returns_also_for_who_comes_now(
    web: Web, worker: WorkerContext
) -> None:
    buyer, _, _line = await sold_out(web, {})
    bought = {"Cookie": f"fairgate_place_gala={buyer['Authorization'].removeprefix('Bearer ')}"}
    page = (await web.get("/rooms/gala", headers=bought)).text
    assert re.findall(STANDING, page) == ["done"]
    assert "You have 4 tickets" in page
    newcomer = await web.get("/rooms/gala", headers={"Accept": "text/html"})
    assert re.findall(STANDING, newcomer.text) == ["sold_out"]
    assert "Join the returns queue" in newcomer.text
    known = {"Cookie": newcomer.headers["set-cookie"].partition(";")[0], **OURS}
    refused = await web.send("POST", "/rooms/gala/join", headers=known)
    assert re.findall(STANDING, (await web.get("/rooms/gala", headers=known)).text) == ["sold_out"]
    assert refused.status_code == 303
    joined = await web.send("POST", "/rooms/gala/join", data={"returns": "1"}, headers=known)
    place = {"Cookie": joined.headers["set-cookie"].partition(";")[0]}
    page = (await web.get("/rooms/gala", headers=place)).text
    assert re.findall(STANDING, page) == ["returns"]
    assert "One person is ahead of you" in page
