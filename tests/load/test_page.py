"""The page's logic for simulated visitors, step by step, as in queue.js."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from random import Random
from typing import Any

import msgspec
import pytest

from app.web.documents.waiting_room import PlaceDocument, StatusDocument
from load.fans.page import Answer, Link, Page, Step

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
OPEN = StatusDocument(
    room_id="r", name="R", event_id=None, state="open", serving_position=3, waiting=9, called=0, active=3,
    outflow_per_minute=60, admission_rate_per_minute=60, prequeue_at=None, opens_at=None, closes_at=None,
    message="", available=None, held=None, draw=None, updated_at=NOON, pace=None, blocked=None,
    slower=None, still_since=None, epoch=1,
)  # fmt: skip
WAITING = PlaceDocument(
    room_id="r", visitor_id="v", state="waiting", queue_number=9, queue_position=6, wait_s=None, slower=None,
    poll_after_s=40, claim_by=None, session_expires_at=None, quantity=1, place_token="t",
)  # fmt: skip


def status(**changes: Any) -> StatusDocument:
    return msgspec.structs.replace(OPEN, **changes)


def place(**changes: Any) -> PlaceDocument:
    return msgspec.structs.replace(WAITING, **changes)


def a_page(first: StatusDocument = OPEN) -> Page:
    return Page(Random(1), first)


def in_line() -> Page:
    page = a_page()
    page.answered("join", Answer(201, WAITING), 0)
    return page


def test_it_joins_at_the_opening_and_not_before() -> None:
    page = a_page(status(state="scheduled"))
    assert page.step(0) is None
    assert page.due_s(0) == inf
    page.update(OPEN, 5)
    assert page.step(5) == "join"


def test_it_asks_for_its_place_when_it_was_told_to_and_a_quarter_around_it() -> None:
    page = in_line()
    assert 30 <= page.due_s(0) <= 50
    assert page.step(page.due_s(0) - 0.1) is None
    assert page.step(page.due_s(0)) == "ask"


def test_it_claims_when_the_shared_document_says_that_its_number_is_reached() -> None:
    page = in_line()
    page.update(status(serving_position=8), 1)
    assert page.step(1) is None
    page.update(status(serving_position=9), 2)
    assert page.step(2) == "claim"
    page.answered("claim", Answer(202, WAITING), 2)
    assert page.step(2.5) is None
    assert page.step(4.1) == "claim"
    page.answered("claim", Answer(200), 4.1)
    assert page.claimed
    assert page.due_s(5) == inf


def test_who_wants_several_tickets_asks_instead_of_claiming() -> None:
    page = a_page()
    page.answered("join", Answer(201, place(quantity=3)), 0)
    page.update(status(serving_position=9), 2)
    assert page.step(2) == "ask"


def test_an_older_document_is_dropped_and_a_restored_line_is_asked_soon() -> None:
    page = in_line()
    page.update(status(serving_position=9, updated_at=NOON - timedelta(seconds=1)), 1)
    assert not page.reached
    page.update(status(epoch=2, updated_at=NOON + timedelta(seconds=1)), 2)
    assert 2 <= page.due_s(2) <= 6


@pytest.mark.parametrize(
    ("step", "answer", "panel"),
    [
        ("ask", Answer(404), "door"),
        ("claim", Answer(410, code="no_show"), "no_show"),
        ("claim", Answer(410, code="session_expired"), "expired"),
        ("join", Answer(403, code="removed"), "removed"),
        ("ask", Answer(0), "waiting"),
    ],
)
def test_what_an_answer_makes_of_the_page(step: Step, answer: Answer, panel: str) -> None:
    page = in_line()
    page.answered(step, answer, 10)
    assert page.panel == panel


def test_a_throttled_page_waits_as_long_as_it_was_told() -> None:
    page = a_page()
    page.answered("join", Answer(429, retry_after_s=20), 0)
    assert 15 <= page.due_s(0) <= 25
    assert page.step(14) is None


def test_the_drawing_is_asked_about_once_and_spread() -> None:
    page = a_page(status(state="prequeue", serving_position=0, waiting=1_000_000))
    page.answered("join", Answer(201, place(state="prequeue", queue_number=None, poll_after_s=75)), 0)
    page.update(status(state="open", serving_position=0, waiting=1_000_000), 10)
    page.step(10)
    assert 10 <= page.ask_at_s <= 20


def test_a_silent_stream_is_checked_by_asking() -> None:
    link = Link.opened(Random(1), 0)
    assert link.due_s == 4
    link.received(1, by_stream=True)
    assert link.due_s == 21
    assert 1 <= link.stream_ended(10, refused=False) <= 10
    assert 10.7 <= link.due_s <= 11.3
    link.failed(11)
    assert link.due_s == 14
