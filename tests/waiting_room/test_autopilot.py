"""The autopilot on both stores: one worker decides, staff can take over, and losing Redis loses nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from app import audit, metrics
from app.core.account import AUTOPILOT
from app.core.autopilot_settings import Autopilot
from app.core.errors import RoomNotFound
from app.core.model import Room, RoomId
from app.core.waiting_room import autopilot as rule
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.origin import ServerReport
from app.store.scripts import admission
from app.store.sql.audit import AuditFilter, Entry
from app.waiting_room import control
from app.waiting_room.autopilot import read_origin, report_origin, steer_rooms
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, join, open_queues, status
from tests.support.builders import KEYS, ROOM, STAFF, a_stored_room, a_visitor
from tests.support.waiting import wait_until

ON = Autopilot(floor=10, ceiling=2_000)
RATE = 60
CALM, OVER = ServerReport(p95_ms=100, error_rate=0), ServerReport(p95_ms=3_000, error_rate=0)


@pytest.fixture
async def queues(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Queues:
    """No waiting between two decisions."""
    monkeypatch.setattr(rule, "STEP_MS", 0)
    return open_queues(stores, Settings(rate_limits=False))


async def an_open_room(queues: Queues, crowd: int = RATE + 30, **settings: Any) -> None:
    """A room with an autopilot, with people waiting because of the rate after the first ones were called."""
    defaults: dict[str, Any] = {"admission_rate_per_minute": RATE, "burst": RATE, "autopilot": ON}
    await a_stored_room(queues.stores, ROOM, **(defaults | settings))
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await asyncio.gather(*(join(queues, ROOM, Joiner(a_visitor())) for _ in range(crowd)))
    await admission.admit(queues.stores.redis, KEYS, limit=0)  # this counts the calls


async def report_and_decide(queues: Queues, report: ServerReport) -> Room:
    """The room after this report and the decision that follows."""
    before = (await read_origin(queues, ROOM))[1].course
    heard_ms = before.heard_ms

    async def is_newer() -> bool:
        await report_origin(queues, ROOM, report)
        return max(it.at_ms for it in (await read_origin(queues, ROOM))[1].readings.values()) > heard_ms

    await wait_until(is_newer, "a report later than the last decision")
    await steer_rooms(queues)
    return await queues.loaded_rooms.read(ROOM)


async def log_of_room(queues: Queues) -> list[Entry]:
    found, _ = await audit.entries(queues.stores, AuditFilter("room", ROOM), limit=50, offset=0)
    return found


def rate(room: Room) -> int:
    return room.settings.admission_rate_per_minute


async def test_the_rate_follows_the_shop_as_a_change_of_its_own(queues: Queues) -> None:
    await an_open_room(queues)
    downs = metrics.AUTOPILOT.labels("down")._value.get()
    with capture_logs() as logged:
        raised = rate(await report_and_decide(queues, CALM))
        assert raised > RATE
        lowered = rate(await report_and_decide(queues, OVER))
        assert lowered < raised
    client: Any = queues.stores.redis
    assert await client.hget(KEYS.conf, "rate") == str(lowered)
    newest = (await log_of_room(queues))[0]
    assert (newest.subject, newest.role, newest.change.action) == ("autopilot", "autopilot", "change")
    assert newest.change.before == {"admission_rate_per_minute": raised, "why": None}
    why = "p95 3,000 ms of 800, errors 0.00% of 1.00%: over the target"
    assert newest.change.after == {"admission_rate_per_minute": lowered, "why": why}
    lines = [it for it in logged if it["event"] == "the autopilot changed the rate"]
    assert [(it["rate_from"], it["rate_to"]) for it in lines] == [(RATE, raised), (raised, lowered)]
    assert metrics.AUTOPILOT.labels("down")._value.get() == downs + 1
    _, known, health = await read_origin(queues, ROOM)
    assert health is not None
    assert known.course.moved is not None
    assert known.course.moved.why == why


async def test_of_many_workers_one_decides(queues: Queues) -> None:
    await an_open_room(queues)
    await report_origin(queues, ROOM, OVER)
    await asyncio.gather(*(steer_rooms(queues) for _ in range(5)))
    found = [it for it in await log_of_room(queues) if it.subject == AUTOPILOT.subject]
    assert len(found) == 1


async def test_staff_who_set_the_rate_take_over_until_they_switch_it_on_again(queues: Queues) -> None:
    await an_open_room(queues)
    await report_and_decide(queues, OVER)
    await control.configure(queues, ROOM, {"active_visitors_max": 500}, by=STAFF)
    assert rate(await report_and_decide(queues, OVER)) < RATE, (
        "changing another setting does not end the autopilot"
    )
    taken = await control.configure(queues, ROOM, {"admission_rate_per_minute": 900}, by=STAFF)
    assert taken.settings.autopilot is not None
    assert taken.settings.autopilot.paused
    assert rate(await report_and_decide(queues, OVER)) == 900
    by_hand = (await log_of_room(queues))[0]
    assert by_hand.subject == STAFF.subject
    undone = await control.undo(queues, ROOM, by_hand.audit_id, by=STAFF)
    assert undone.settings.autopilot == ON
    assert rate(await report_and_decide(queues, OVER)) < rate(undone)


async def test_staff_undo_their_own_last_change_whatever_the_autopilot_did_since(queues: Queues) -> None:
    await an_open_room(queues)
    await control.configure(queues, ROOM, {"message": "Hello"}, by=STAFF)
    own = (await log_of_room(queues))[0]
    lowered = rate(await report_and_decide(queues, OVER))
    undone = await control.undo(queues, ROOM, own.audit_id, by=STAFF)
    assert (undone.settings.message, rate(undone)) == ("", lowered)


async def test_a_rate_and_an_autopilot_in_one_patch_are_both_taken(queues: Queues) -> None:
    await an_open_room(queues, autopilot=None)
    on = {"floor": 100, "ceiling": 800}
    patch = {"admission_rate_per_minute": 300, "autopilot": on}
    found = await control.configure(queues, ROOM, patch, by=STAFF)
    assert found.settings.autopilot == Autopilot(floor=100, ceiling=800)
    assert rate(found) == 300


async def test_a_rate_outside_of_floor_and_ceiling_is_brought_inside(queues: Queues) -> None:
    await an_open_room(queues, admission_rate_per_minute=5_000)
    await steer_rooms(queues)
    assert rate(await queues.loaded_rooms.read(ROOM)) == ON.ceiling


async def test_when_redis_is_lost_it_goes_on_from_the_last_rate(queues: Queues) -> None:
    await an_open_room(queues)
    await report_and_decide(queues, OVER)
    lowered = rate(await report_and_decide(queues, OVER))
    await queues.stores.redis.flushall()
    await status(queues, ROOM)  # this restores the room
    await steer_rooms(queues)
    assert rate(await queues.loaded_rooms.read(ROOM)) == lowered
    _, known, _ = await read_origin(queues, ROOM)
    assert known.course.last is not None
    assert known.course.last.why == "no report from the shop yet"
    assert rate(await report_and_decide(queues, OVER)) < lowered


async def test_what_staff_change_in_between_is_not_overwritten(queues: Queues) -> None:
    await an_open_room(queues)
    room = await queues.loaded_rooms.read(ROOM)
    await control.configure(queues, ROOM, {"admission_rate_per_minute": 50}, by=STAFF)
    assert not await control.move_rate(queues, ROOM, 700, version=room.version, why="late")
    assert rate(await queues.loaded_rooms.read(ROOM)) == 50


async def test_where_nobody_is_called_anyway_nothing_is_decided(queues: Queues) -> None:
    await an_open_room(queues)
    await control.set_state(queues, ROOM, "pause", by=STAFF)
    assert rate(await report_and_decide(queues, OVER)) == RATE
    await control.set_state(queues, ROOM, "resume", by=STAFF)
    assert rate(await report_and_decide(queues, OVER)) < RATE


async def test_a_rate_that_nobody_waits_for_is_not_raised(queues: Queues) -> None:
    await an_open_room(queues, crowd=0)
    assert rate(await report_and_decide(queues, CALM)) == RATE


async def test_one_room_that_cannot_be_steered_leaves_the_others(queues: Queues) -> None:
    await an_open_room(queues)
    await a_stored_room(queues.stores, RoomId("broken"), autopilot=ON)
    await control.set_state(queues, RoomId("broken"), "open", by=STAFF)
    client: Any = queues.stores.redis
    await client.set("{broken}:origin", "of the wrong type", ex=60)
    assert rate(await report_and_decide(queues, OVER)) < RATE


async def test_a_room_that_is_not_there_takes_no_reports(queues: Queues) -> None:
    with pytest.raises(RoomNotFound):
        await report_origin(queues, RoomId("nowhere"), CALM)
    await steer_rooms(queues)
