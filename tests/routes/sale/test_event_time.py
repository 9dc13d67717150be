"""The time of an event is always given in its own zone, which is named."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from icalendar import Calendar

from tests.routes.conftest import Web, field_of
from tests.routes.mailing import buy
from worker.context import WorkerContext

# The same time of day, on both sides of a clock change.
WINTER, SUMMER = "2030-01-01T19:00:00Z", "2030-06-01T19:00:00Z"
TOLD = [
    ("UTC", SUMMER, "Saturday, 1 June 2030, 19:00 UTC"),
    ("Europe/Berlin", SUMMER, "Saturday, 1 June 2030, 21:00 (Europe/Berlin)"),
    ("Europe/Berlin", WINTER, "Tuesday, 1 January 2030, 20:00 (Europe/Berlin)"),
    ("America/New_York", SUMMER, "Saturday, 1 June 2030, 15:00 (America/New York)"),
    ("Asia/Tokyo", SUMMER, "Sunday, 2 June 2030, 04:00 (Asia/Tokyo)"),
    ("Asia/Kathmandu", SUMMER, "Sunday, 2 June 2030, 00:45 (Asia/Kathmandu)"),
]


@pytest.mark.parametrize(("zone", "starts_at", "expected"), TOLD)
async def test_pages_and_the_calendar_give_it_in_the_zone_of_the_event(
    web: Web, worker: WorkerContext, zone: str, starts_at: str, expected: str
) -> None:
    await web.event(starts_at=starts_at, timezone=zone)
    assert (await web.get("/v1/events/gala")).json()["timezone"] == zone
    path, place = await buy(web)
    cookie = {"Cookie": f"fairgate_place_gala={place['Authorization'].removeprefix('Bearer ')}"}
    reservation = path.removeprefix("/v1")
    for page in ("/", "/rooms/gala", "/events/gala", "/reservations", reservation):
        text = (await web.get(page, headers=cookie)).text
        assert f'data-zone="{zone}">{expected}</time>' in text, page
    file = (await web.get(f"{reservation}/calendar.ics", headers=cookie)).text
    calendar = Calendar.from_ical(file)
    [entry] = calendar.walk("VEVENT")
    assert entry.decoded("dtstart").astimezone(UTC) == datetime.fromisoformat(starts_at)
    [row] = csv.DictReader(
        io.StringIO((await web.get("/v1/events/gala/orders.csv", headers=web.as_("operator"))).text)
    )
    assert row["event_timezone"] == zone
    assert datetime.fromisoformat(row["event_starts_at"]) == datetime.fromisoformat(starts_at)
    assert row["event_starts_at"][11:16] in expected
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["created_at"])
    if zone != "UTC":
        assert f"TZID={zone}" in file
        assert [str(it["tzid"]) for it in calendar.walk("VTIMEZONE")] == [zone]


async def test_openings_are_given_in_the_zone_of_the_event(web: Web) -> None:
    room = {"prequeue_at": "2030-06-01T08:00:00Z", "opens_at": "2030-06-01T09:00:00Z"}
    await web.event(opened=False, timezone="Asia/Tokyo", room=room)
    text = (await web.get("/rooms/gala")).text
    assert "17:00 (Asia/Tokyo)" in text
    assert "18:00 (Asia/Tokyo)" in text


@pytest.mark.parametrize("zone", ["Mars/Olympus", "europe/berlin", "Factory/../UTC", "", "CET "])
async def test_a_zone_that_is_none_is_refused(web: Web, zone: str) -> None:
    await web.event()
    body = {"event_id": "other", "name": "Other", "starts_at": SUMMER, "timezone": zone}
    assert field_of(await web.post("/v1/events", body, headers=web.as_("admin"))) == "timezone"
    patched = await web.send("PATCH", "/v1/events/gala", json={"timezone": zone}, headers=web.as_("admin"))
    assert field_of(patched) == "timezone"


async def test_staff_change_the_zone_of_an_event(web: Web) -> None:
    await web.event()
    patch = {"timezone": "Europe/Paris", "sell_after_start": True}
    changed = await web.send("PATCH", "/v1/events/gala", json=patch, headers=web.as_("admin"))
    assert patch.items() <= changed.json().items()
    assert patch.items() <= (await web.get("/v1/events/gala")).json().items()
