"""A sale created on one page of the console: all or nothing, with errors beside their fields."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from app.core.model import RoomId
from tests.routes.conftest import Web

SALE = {
    "name": "Spring Gala",
    "artist": "Ada Marlowe",
    "venue": "Velodrome",
    "starts_at": "2035-05-31T20:00",
    "zone": "Europe/Berlin",
    "currency": "EUR",
    "published": "on",
    "max_tickets_per_visitor": "4",
    "hold_ttl_s": "5 min",
    "type-1-name": "Standing",  # the first row is left blank
    "type-1-price": "45,50",
    "type-1-quantity": "1,200",
    "section-0-name": "Stalls",
    "section-0-price": "80",
    "section-0-rows": "3",
    "section-0-seats_per_row": "10",
    "admission_rate_per_minute": "300",
    "active_visitors_max": "",
    "claim_window_s": "2 min",
    "session_ttl_s": "10 min",
    "queueing_method": "lottery",
    "message": "Doors\r\nopen at seven.",
    "prequeue_at": "2035-01-10T09:00",
    "opens_at": "2035-01-10T10:00",
    "closes_at": "",
    "accent": "#0b5d4a",
    "welcome": "Hello",
}
NEW = "/admin/sales/new"


async def send(web: Web, do: str = "make", **changed: str) -> Any:
    """Press a button of the form."""
    return await web.post(NEW, data={**SALE, **changed, "do": do}, headers=await web.staff("admin", "ann"))


async def made(web: Web) -> int:
    """How many rows there are of each part of a sale, and in the log."""
    tables = ("rooms", "events", "ticket_types", "seats", "audit")
    counts = [await web.app.stores.postgres.fetchval(f"SELECT count(*) FROM {it}") for it in tables]
    return sum(counts)


def wrong(page: str) -> dict[str, str]:
    """The errors on the page, by field."""
    cells = re.findall(r'id="([\w-]+)-wrong">([^<]+)</span>', page)
    fields = re.findall(r'id="([\w-]+)-hint"><span class="wrong">([^<]+)</span>', page)
    return dict(cells + fields)


async def test_one_press_makes_event_tickets_seats_room_and_schedule(web: Web) -> None:
    answer = await send(web)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/rooms/spring-gala/overview")
    event = (await web.get("/v1/events/spring-gala")).json()
    assert event["starts_at"] == "2035-05-31T18:00:00Z"  # 20:00 in Berlin, in summer
    sold = {it["ticket_type_id"]: (it["price"], it["total"]) for it in event["ticket_types"]}
    assert sold == {"standing": (4550, 1200), "stalls": (8000, 30)}
    room = (await web.get("/v1/rooms/spring-gala")).json()
    assert room["prequeue_at"] == "2035-01-10T08:00:00Z"
    look = (await web.app.queues.loaded_rooms.get(RoomId("spring-gala"))).settings.theme
    assert (look.accent, look.welcome) == ("#0b5d4a", "Hello")
    assert (room["message"], room["state"]) == ("Doors\nopen at seven.", "scheduled")
    log = (await web.get("/v1/audit", headers=web.as_("admin"))).json()["items"]
    assert {(it["who"], it["action"]) for it in log} == {("ann", "create")}
    assert {it["kind"] for it in log} >= {"room", "event"}


async def test_looking_tells_what_will_happen_and_makes_nothing(web: Web) -> None:
    before = await made(web)
    page = (await send(web, "look", opens_at="2036-01-01T00:00")).text
    assert await made(web) == before
    assert "Wednesday, 10 January 2035, 09:00 (Europe/Berlin)" in page
    assert "drawn at random" in page
    assert "Up to 300 people are admitted per minute, with no limit on how many are inside at once." in page
    assert "1,230 tickets: at this rate the last one goes after 62 seconds if everybody takes 4" in page
    assert "The sale opens after the event has started." in page
    assert "srcdoc=" in page
    preview = unescape(page.partition("srcdoc=")[2])
    assert "Ada Marlowe" in preview
    assert '<p class="welcome">Hello</p>' in preview
    [sheet] = re.findall(r'href="(/look\.css\?[^"]+)"', preview)
    style = await web.get(unescape(sheet))  # the frame sends no cookie
    assert "--go:#0b5d4a" in style.text
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert (await web.get("/look.css?accent=red")).status_code == 422


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"name": ""}, {"name"}),
        ({"event_id": "Not A Slug"}, {"event_id"}),
        ({"starts_at": ""}, {"starts_at"}),
        ({"starts_at": "tomorrow", "opens_at": "99"}, {"starts_at", "opens_at"}),
        ({"zone": "Mars/Olympus"}, {"zone"}),
        ({"currency": "euro"}, {"currency"}),
        ({"currency": "ZZZ"}, {"currency"}),
        ({"type-1-price": "cheap"}, {"type-0-price"}),  # rows move up
        ({"type-1-price": "1.0005"}, {"type-0-price"}),
        ({"hold_ttl_s": "300", "session_ttl_s": "soon"}, {"hold_ttl_s", "session_ttl_s"}),  # which unit?
        ({"type-1-price": "4e2"}, {"type-0-price"}),
        ({"type-1-quantity": "1,5"}, {"type-0-quantity"}),
        ({"type-1-quantity": "-1", "section-0-rows": "0"}, {"type-0-quantity", "section-0-rows"}),
        (
            {"type-2-name": "standing", "type-2-price": "1", "type-2-quantity": "1"},
            {"type-0-name", "type-1-name"},
        ),
        ({"section-0-name": "Standing"}, {"section-0-name"}),  # both would get the id standing
        (
            {"admission_rate_per_minute": "", "claim_window_s": "1 s"},
            {"admission_rate_per_minute", "claim_window_s"},
        ),
        ({"queueing_method": "luck"}, set()),
        ({"accent": "#ffff00"}, {"accent"}),  # unreadable
        ({"accent": "green", "welcome": "x" * 501}, {"accent", "welcome"}),
        ({"opens_at": "2035-01-09T10:00"}, {"opens_at"}),
        (
            {
                "type-1-name": "",
                "type-1-price": "",
                "type-1-quantity": "",
                **dict.fromkeys(
                    ("section-0-name", "section-0-price", "section-0-rows", "section-0-seats_per_row"), ""
                ),
            },
            {"type-0-name"},
        ),
    ],
)
async def test_what_is_wrong_stands_at_its_field_and_nothing_is_made(
    web: Web, changed: dict[str, str], fields: set[str]
) -> None:
    before = await made(web)
    answer = await send(web, **changed)
    assert answer.status_code in (409, 422)
    assert set(wrong(answer.text)) == fields, wrong(answer.text)
    assert 'role="alert"' in answer.text
    assert await made(web) == before
    for text in ("Ada Marlowe", "2035-01-10T09:00"):
        assert f'value="{text}"' in answer.text  # the input is still there


async def test_an_address_that_is_taken_is_told_and_what_is_there_stays(web: Web) -> None:
    await web.event("spring-gala", opened=False)
    before = await made(web)
    answer = await send(web)
    assert answer.status_code == 409
    assert "spring-gala already" in wrong(answer.text)["event_id"]
    assert await made(web) == before


async def test_an_operator_is_told_that_this_is_for_admins(web: Web) -> None:
    staff = await web.staff("operator")
    assert "needs the role admin" in (await web.get(NEW, headers=staff)).text
    refused = await web.post(NEW, data={**SALE, "do": "make"}, headers=staff)
    assert refused.status_code == 403
    assert (await web.get("/v1/events/spring-gala")).status_code == 404


@pytest.mark.parametrize("price", ["1,000", "1.000"])
async def test_a_mark_before_three_digits_parts_thousands(web: Web, price: str) -> None:
    assert "1,200 at €1,000.00" in (await send(web, "look", **{"type-1-price": price})).text
    await send(web, **{"type-1-price": price})
    event = (await web.get("/v1/events/spring-gala")).json()
    assert event["ticket_types"][0]["price"] == 100_000


@pytest.mark.parametrize(
    ("name", "event_id"),
    [
        ("\u6771\u4eac\u30c9\u30fc\u30e0", "dongjingdomu"),
        ("\u0645\u0647\u0631\u062c\u0627\u0646", "mhrjn"),
        ("\uc11c\uc6b8", "seoul"),
        ("\u041c\u043e\u0441\u043a\u0432\u0430", "moskva"),
        ("\u00b7\u00b7\u00b7", "event"),
    ],
)
async def test_names_in_any_script_make_a_sale(web: Web, name: str, event_id: str) -> None:
    names = {"type-1-name": name, "type-2-name": f"{name}!", "section-0-name": f"{name}?"}
    answer = await send(web, name=name, **names, **{"type-2-price": "1", "type-2-quantity": "1"})
    assert answer.status_code == 303, wrong(answer.text)
    event = (await web.get(f"/v1/events/{event_id}")).json()
    ids = [it["ticket_type_id"] for it in event["ticket_types"]]
    base = ids[0]
    assert ids == [base, f"{base}-2", f"{base}-3"]
    assert [it["name"] for it in event["ticket_types"]] == [name, f"{name}!", f"{name}?"]


# Clocks in Berlin go from 2:00 to 3:00 on 25 March 2035, and from 3:00 to 2:00 on 28 October.
async def test_a_time_that_daylight_saving_skips_is_refused_with_the_nearest(web: Web) -> None:
    page = await send(web, starts_at="2035-03-25T02:30")
    assert page.status_code == 422
    assert "the nearest times are 01:59 and 03:00" in wrong(page.text)["starts_at"]
    assert "in Europe/Berlin" in page.text


async def test_a_time_that_comes_twice_is_asked_about(web: Web) -> None:
    twice = {"starts_at": "2035-10-28T02:30"}
    page = await send(web, **twice)
    assert page.status_code == 422
    assert "choose which one you mean" in wrong(page.text)["starts_at"]
    offered = re.findall(r'name="starts_at-offset" value="([^"]+)">([^<]+)</label>', page.text)
    assert offered == [("UTC+2", "The earlier, UTC+2"), ("UTC+1", "The later, UTC+1")]
    assert await made(web) == 0
    page = await send(web, "look", **twice, **{"starts_at-offset": "UTC+1"})
    assert page.status_code == 200
    assert 'value="UTC+1" checked>The later' in page.text
    assert "02:30 (Europe/Berlin, UTC+1)" in page.text
    assert (await send(web, **twice, **{"starts_at-offset": "UTC+1"})).status_code == 303
    assert (await web.get("/v1/events/spring-gala")).json()["starts_at"] == "2035-10-28T01:30:00Z"


async def test_a_choice_of_no_use_is_none(web: Web) -> None:
    page = await send(web, starts_at="2035-10-28T02:30", **{"starts_at-offset": "UTC+9"})
    assert "choose which one you mean" in wrong(page.text)["starts_at"]
    assert (await send(web, **{"starts_at-offset": "UTC+9"})).status_code == 303
