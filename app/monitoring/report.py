"""The report of a sale: figures from its rows and its history, during the sale and permanently afterwards."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from app.core.assurance.log_tally import LaneTally, by_lane
from app.core.clock import now_ms
from app.core.errors import StoreUnavailable
from app.core.model import Event, EventId, Room
from app.core.monitoring import report
from app.core.monitoring.report import Gap, Peak, SlowStep, Waits
from app.core.waiting_room import history as core_history
from app.core.waiting_room.history import COARSE_S, Sample, Step
from app.monitoring import history
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql.assurance import room_log
from app.store.sql.audit import Entry
from app.store.sql.catalogue import events
from app.store.sql.monitoring import report as report_rows
from app.store.sql.monitoring import room_history
from app.store.sql.monitoring.report import Orders, Paid, SoldTickets, Turns
from app.store.sql.waiting_room import rooms
from app.waiting_room.log_tally import tally_of

STEPS_MAX = 10_080  # a week of minutes; steps of a longer sale are wider


class EventRows(msgspec.Struct, frozen=True):
    """Figures from the rows of the room's event; a site has none."""

    event: Event | None
    orders: Orders | None
    sold: list[SoldTickets]
    paid: list[Paid]


class SaleReport(msgspec.Struct, frozen=True):
    """A sale from its first visitor on."""

    room: Room
    at_ms: int  # the time of this report
    over: bool  # False: these are preliminary figures
    first_ms: int | None  # since when figures are known
    joined: int
    called: int
    no_shows: int
    left: int
    waits: Waits | None
    turns: Turns
    rows: EventRows
    sold_out_ms: int | None
    most_waiting: Peak | None
    most_joined: Peak | None
    step_s: int  # the length of steps for peaks and slow steps
    slowest: list[SlowStep]
    gaps: list[Gap]
    changes: list[Entry]
    steps: list[Step]
    lanes: list[LaneTally]  # from the room's log, the ordinary one first; empty: the room has none


async def sale(stores: Stores, room: Room, at_ms: int = 0) -> SaleReport:
    """The report of a room's sale. Reads all of its rows: do not call often. Raises StoreUnavailable."""
    now = at_ms or now_ms()
    unstored = await unstored_samples(stores, room)
    with stores_answer():
        async with (
            stores.postgres.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            step_s, steps = await steps_of(connection, room, unstored, now)
            progress = await rooms.select_progress(connection, room.room_id)
            turns = await report_rows.select_turns(connection, room.room_id)
            rows = await _event_rows(connection, room.event_id)
            changes = await report_rows.select_changes(connection, room.room_id, room.event_id)
            lanes = await _lanes(connection, room)
    is_open = turns.inside or (rows.orders is not None and rows.orders.open)
    return SaleReport(
        room=room,
        at_ms=now,
        over=room.state == "closed" and not is_open,
        first_ms=steps[0].sample.at_ms - 1000 * step_s if steps else None,
        joined=report.grown(steps, "joined")
        if steps
        else max((it.last_number for it in progress), default=0),
        called=report.grown(steps, "admitted"),
        no_shows=report.grown(steps, "no_shows"),
        left=report.grown(steps, "leavers"),
        waits=report.waits(progress, steps),
        turns=turns,
        rows=rows,
        sold_out_ms=report.sold_out_ms(steps),
        most_waiting=report.most_waiting(steps),
        most_joined=report.most_joined(steps),
        step_s=step_s,
        slowest=report.slowest(steps, step_s),
        gaps=report.gaps(steps, step_s),
        changes=changes,
        steps=steps,
        lanes=lanes,
    )


async def _lanes(connection: Connection, room: Room) -> list[LaneTally]:
    log = await room_log.select_log(connection, room.room_id) if room.settings.lanes else None
    if log is None:
        return []
    _, tally = await tally_of(connection, room.room_id, log.size)
    return by_lane(tally, len(room.settings.lanes) + 1)


async def unstored_samples(stores: Stores, room: Room) -> list[Sample]:
    """The latest samples, not all rolled up yet; none while Redis is unavailable."""
    with suppress(StoreUnavailable):
        recent = await history.recent(stores, room.room_id)
        return [it for it in recent if it.generation == room.generation]
    return []


async def steps_of(
    connection: Connection, room: Room, unstored: list[Sample], now: int
) -> tuple[int, list[Step]]:
    """The history in steps, and their length. The last one may be incomplete."""
    first_ms = await room_history.select_first(connection, room.room_id)
    span_s = (now - first_ms) / 1000 if first_ms else 0
    step_s = max(COARSE_S, core_history.step_of(span_s, STEPS_MAX))
    stored = await room_history.select_steps(connection, room.room_id, step_s)
    newest_ms = stored[-1].sample.at_ms if stored else 0
    later = [it for it in unstored if it.at_ms > newest_ms]
    return step_s, [*stored, *core_history.steps(later, step_s, core_history.ALL)]


async def _event_rows(connection: Connection, event_id: EventId | None) -> EventRows:
    if event_id is None:
        return EventRows(None, None, [], [])
    return EventRows(
        await events.select_event(connection, event_id),
        await report_rows.select_orders(connection, event_id),
        await report_rows.select_sold(connection, event_id),
        await report_rows.select_paid(connection, event_id),
    )
