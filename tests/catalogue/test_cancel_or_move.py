"""Cancelling and moving a sale: what is refused, and what is repeated without effect."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.catalogue import cancel_or_move, events
from app.core.errors import Conflict, EventNotFound, ValidationFailed
from app.core.model import EventId
from app.settings import Settings
from app.store.connections import Stores
from app.waiting_room.queue import open_queues
from tests.support.catalogue import SPRING, STARTS_AT, by, create_sale
from tests.support.people import actions

LATER = STARTS_AT + timedelta(days=7)


@pytest.mark.parametrize(
    ("days", "refunds", "notice", "field"),
    [
        (0, None, "", "starts_at"),
        (7, 8, "", "refund_until"),
        (7, None, "x" * (cancel_or_move.NOTICE_MAX + 1), "notice"),
        (7, None, "bell\a", "notice"),
    ],
)
async def test_a_move_that_makes_no_sense_is_refused_by_field(
    stores: Stores, days: int, refunds: int | None, notice: str, field: str
) -> None:
    before = await create_sale(stores)
    until = None if refunds is None else STARTS_AT + timedelta(days=refunds)
    moved = STARTS_AT + timedelta(days=days)
    with pytest.raises(ValidationFailed) as refused:
        await cancel_or_move.move(stores, SPRING, moved, until, notice, by=by("move"))
    assert refused.value.members["errors"][0]["field"] == field
    assert (await events.event(stores, SPRING))[0] == before
    assert "move" not in await actions(stores)


async def test_a_notice_is_as_long_as_that_and_has_lines(stores: Stores) -> None:
    await create_sale(stores)
    notice = "\tSorry!\n" + "x" * (cancel_or_move.NOTICE_MAX - 8)
    await cancel_or_move.move(stores, SPRING, LATER, LATER, notice, by=by("move"))
    event, _ = await events.event(stores, SPRING)
    assert (event.starts_at, event.moved_from, event.refund_until) == (LATER, STARTS_AT, LATER)
    assert event.notice == notice


async def test_a_sale_is_cancelled_once_and_then_stays_where_it_is(stores: Stores) -> None:
    await create_sale(stores)
    queues = open_queues(stores, Settings(rate_limits=False))
    for notice in ("Ill.", "Rain."):
        await cancel_or_move.cancel(queues, stores, SPRING, notice, by=by("cancel"))
    event, _ = await events.event(stores, SPRING)
    assert event.notice == "Ill."
    with pytest.raises(Conflict, match="cancelled"):
        await cancel_or_move.move(stores, SPRING, LATER, None, "", by=by("move"))
    assert (await actions(stores)).count("cancel") == 1
    assert (await queues.loaded_rooms.read(event.room_id)).state == "closed"


async def test_where_no_refund_was_refused_none_is_tried_again(stores: Stores) -> None:
    await create_sale(stores)
    before = await actions(stores)
    assert await cancel_or_move.retry_refunds(stores, SPRING, by=by("retry")) == 0
    assert await actions(stores) == before
    with pytest.raises(EventNotFound):
        await cancel_or_move.retry_refunds(stores, EventId("nowhere"), by=by("retry"))
