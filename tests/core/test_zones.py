"""Local times when daylight saving begins and ends, over five zones and both changes of a year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.core.clock import to_ms
from app.core.text.formatting import moments_in, staff_time, zoned_time
from app.core.zones import RENAMED, around_skipped, is_doubled, of_browser, offset_name, readings, zones
from app.web.console.sale import local_times

# Zone, a skipped time and the nearest valid times; a repeated time and its two offsets. Two zones have no
# daylight saving.
CHANGES = [
    ("Europe/Berlin", "2030-03-31T02:30", "01:59", "03:00", "2030-10-27T02:30", ["UTC+2", "UTC+1"]),
    ("America/New_York", "2030-03-10T02:00", "01:59", "03:00", "2030-11-03T01:59", ["UTC-4", "UTC-5"]),
    (
        "Australia/Lord_Howe",
        "2030-10-06T02:15",
        "01:59",
        "02:30",
        "2030-04-07T01:45",
        ["UTC+11", "UTC+10:30"],
    ),
]
STEADY = [("Asia/Tokyo", "UTC+9"), ("Asia/Kathmandu", "UTC+5:45"), ("UTC", "UTC")]


@pytest.mark.parametrize(("zone", "skipped", "before", "after", "doubled", "offsets"), CHANGES)
def test_a_skipped_time_is_none_and_a_doubled_one_is_two(
    zone: str, skipped: str, before: str, after: str, doubled: str, offsets: list[str]
) -> None:
    gap = datetime.fromisoformat(skipped)
    assert readings(gap, zone) == []
    assert [f"{it:%H:%M}" for it in around_skipped(gap, zone)] == [before, after]
    for it in around_skipped(gap, zone):
        assert len(readings(it, zone)) == 1
    both = readings(datetime.fromisoformat(doubled), zone)
    assert [offset_name(it) for it in both] == offsets
    assert both[0].astimezone(UTC) < both[1].astimezone(UTC)
    assert all(is_doubled(it) for it in both)
    assert {f"{it:%Y-%m-%dT%H:%M}" for it in both} == {doubled}


@pytest.mark.parametrize("zone", [it[0] for it in CHANGES])
def test_every_half_hour_around_a_change_is_read_as_it_is_shown(zone: str) -> None:
    place = ZoneInfo(zone)
    days = [day[:10] for it in CHANGES if it[0] == zone for day in (it[1], it[4])]
    begun = [datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(days=1) for day in days]
    for at in (first + n * timedelta(minutes=30) for first in begun for n in range(3 * 48)):
        local = at.astimezone(place).replace(tzinfo=None, fold=0)
        assert at in [it.astimezone(UTC) for it in readings(local, zone)]


@pytest.mark.parametrize(("zone", "offset"), STEADY)
def test_a_zone_without_changes_has_one_reading_and_one_offset(zone: str, offset: str) -> None:
    for text in ("2030-03-31T02:30", "2030-10-27T02:30"):
        [it] = readings(datetime.fromisoformat(text), zone)
        assert (offset_name(it), is_doubled(it)) == (offset, False)


def test_a_day_that_was_left_out_is_skipped_like_an_hour() -> None:
    before, after = around_skipped(datetime(2011, 12, 30, 12), "Pacific/Apia")
    assert (before, after) == (datetime(2011, 12, 29, 23, 59), datetime(2011, 12, 31))
    problem = local_times.read("2011-12-30T12:00", "Pacific/Apia", "")
    assert "2011-12-29 23:59 and 2011-12-31 00:00" in str(problem)


def test_every_zone_has_a_name_and_an_offset_for_every_time() -> None:
    for zone in zones():
        for ms in (to_ms(datetime(2030, month, 1, tzinfo=UTC)) for month in (1, 7)):
            assert zoned_time(ms, zone).endswith(
                " UTC" if zone == "UTC" else f"({zone.replace('_', ' ')})"
            ), zone


def test_what_browsers_call_zones_is_known_by_its_name_of_today() -> None:
    assert set(RENAMED.values()) | set(RENAMED) <= zones()
    assert of_browser("Asia/Calcutta") == "Asia/Kolkata"
    assert of_browser("Europe/Berlin") == "Europe/Berlin"
    assert of_browser("Mars/Olympus") == ""


def test_a_time_in_the_doubled_hour_says_which_it_is() -> None:
    shown = [
        zoned_time(to_ms(it), "Europe/Berlin", "short")
        for it in readings(datetime(2030, 10, 27, 2, 30), "Europe/Berlin")
    ]
    assert shown == ["02:30 (Europe/Berlin, UTC+2)", "02:30 (Europe/Berlin, UTC+1)"]


def test_staff_read_times_by_their_own_clock() -> None:
    at = datetime(2026, 11, 29, 14, 5, 6, tzinfo=UTC)
    assert staff_time(at) == "2026-11-29 14:05:06 UTC"
    assert staff_time(at, "Asia/Kathmandu") == "2026-11-29 19:50:06 UTC+5:45"
    assert staff_time(at, "America/St_Johns", "short") == "10:35:06 UTC-3:30"
    change = "opening none → 2030-06-01T09:00:00Z, name 2030-02-31T25:00:00Z"
    assert (
        moments_in(change, "Asia/Tokyo")
        == "opening none → 2030-06-01 18:00:00 UTC+9, name 2030-02-31T25:00:00Z"
    )


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2030-06-01T19:00Z", "0001-01-01T00:00+14:00", "99999-01-01T00:00"]
)
def test_what_is_no_local_time_is_told(text: str) -> None:
    assert local_times.read(text, "Europe/Berlin", "") == local_times.EXAMPLE
