"""What staff do to a room, in Postgres first."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core import errors
from app.core.model import EventId, RoomId, RoomSettings
from app.core.waiting_room.rules import RoomAction
from app.monitoring import stats
from app.settings import Settings
from app.store.connections import Stores
from app.store.scripts.admission import admit
from app.store.sql.waiting_room import rooms
from app.store.sql.waiting_room.rooms import record_progress
from app.waiting_room import control, emptying, recent_status
from app.waiting_room.advance import advance
from app.waiting_room.control import configure, create_room, push, set_state
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join, open_queues, status
from tests.support.builders import KEYS, ROOM, STAFF, a_stored_room, a_visitor, token


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


async def states(queues: Queues) -> tuple[str, str]:
    """The state in Postgres and in Redis."""
    room = await queues.loaded_rooms.read(ROOM)
    return room.state, (await status(queues, ROOM))[1].state


async def test_a_room_is_made_once(queues: Queues) -> None:
    made = await create_room(queues, ROOM, RoomSettings(name="Hall"), by=STAFF)
    assert (made.state, made.epoch, len(made.seed)) == ("scheduled", 1, 32)
    assert await states(queues) == ("scheduled", "scheduled")
    with pytest.raises(errors.AlreadyExists):
        await create_room(queues, ROOM, RoomSettings(name="Hall"), by=STAFF)


async def test_a_room_for_an_event_comes_to_life_with_its_event(queues: Queues) -> None:
    await create_room(queues, ROOM, RoomSettings(name="Hall"), EventId("gala"), by=STAFF)
    assert not await queues.stores.redis.exists(KEYS.conf)
    await queues.stores.postgres.execute(
        "INSERT INTO events (event_id, room_id, name, starts_at, max_tickets_per_visitor) "
        "VALUES ('gala', $1, 'Gala', now(), 4)",
        ROOM,
    )
    await control.refresh(queues.stores, ROOM)
    client: Any = queues.stores.redis
    assert await client.hmget(KEYS.conf, "event_id", "max_tickets") == ["gala", "4"]


async def test_open_pause_resume_close_and_open_again(queues: Queues) -> None:
    await a_stored_room(queues.stores)
    seen = []
    steps: tuple[RoomAction, ...] = ("open", "open", "pause", "pause", "resume", "close", "close", "open")
    for action in steps:
        room = await set_state(queues, ROOM, action, by=STAFF)
        assert await states(queues) == (room.state, room.state)
        seen.append((room.state, room.version))
    assert seen == [
        ("open", 2),
        ("open", 2),
        ("paused", 3),
        ("paused", 3),
        ("open", 4),
        ("closed", 5),
        ("closed", 5),
        ("open", 6),
    ]


async def test_a_step_that_makes_no_sense_is_a_conflict_and_changes_nothing(queues: Queues) -> None:
    await a_stored_room(queues.stores)
    with pytest.raises(errors.Conflict):
        await set_state(queues, ROOM, "resume", by=STAFF)
    assert (await queues.loaded_rooms.read(ROOM)).version == 1
    with pytest.raises(errors.RoomNotFound):
        await set_state(queues, RoomId("nowhere"), "open", by=STAFF)


async def test_a_room_that_closed_by_the_clock_is_opened_by_hand_and_stays_open(queues: Queues) -> None:
    await a_stored_room(queues.stores, closes_at=datetime(2020, 1, 1, tzinfo=UTC))
    await status(queues, ROOM)
    assert (await admit(queues.stores.redis, KEYS, limit=10)).status.state == "closed"
    room = await set_state(queues, ROOM, "open", by=STAFF)
    assert (room.state, room.settings.closes_at) == ("open", None)
    assert (await admit(queues.stores.redis, KEYS, limit=10)).status.state == "open"


async def test_a_change_acts_at_once_and_other_settings_stay(queues: Queues) -> None:
    await a_stored_room(queues.stores, admission_rate_per_minute=60, claim_window_s=33)
    await set_state(queues, ROOM, "open", by=STAFF)
    room = await configure(queues, ROOM, {"admission_rate_per_minute": 0, "message": "Wait"}, by=STAFF)
    assert (room.settings.admission_rate_per_minute, room.settings.claim_window_s) == (0, 33)
    found, _ = await join(queues, ROOM, Joiner(a_visitor()))
    assert found.state == "waiting"


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"burst": 0}, "burst"),
        ({"admission_rate_per_minute": 60_000_001}, "admission_rate_per_minute"),
        ({"admission_rate_per_minute": True}, "admission_rate_per_minute"),
        ({"claim_window_s": None}, "claim_window_s"),
        ({"visitors_per_ticket_max": 0.01}, "visitors_per_ticket_max"),
        ({"colour": "red"}, "colour"),
        ({"name": "a\0b"}, "name"),
        ({"opens_at": "yesterday"}, "opens_at"),
        ({"opens_at": "2026-11-21T18:00:00"}, "opens_at"),
        ({"opens_at": "2026-11-21T18:00:00Z", "closes_at": "2026-11-21T18:00:00Z"}, "closes_at"),
        ({"allowed_return_hosts": ["ok.example", "not a host"]}, "allowed_return_hosts[1]"),
    ],
)
async def test_a_bad_setting_is_refused_by_name(queues: Queues, patch: dict[str, Any], field: str) -> None:
    await a_stored_room(queues.stores)
    with pytest.raises(errors.ValidationFailed) as refused:
        await configure(queues, ROOM, patch, by=STAFF)
    assert refused.value.members["errors"][0]["field"] == field
    assert (await queues.loaded_rooms.read(ROOM)).version == 1


async def test_the_queueing_method_is_fixed_once_the_pre_queue_began(queues: Queues) -> None:
    await a_stored_room(queues.stores)
    await configure(queues, ROOM, {"queueing_method": "lottery"}, by=STAFF)
    await configure(queues, ROOM, {"queueing_method": "fifo"}, by=STAFF)
    await configure(queues, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
    with pytest.raises(errors.QueueingMethodLocked):
        await configure(queues, ROOM, {"queueing_method": "lottery"}, by=STAFF)
    await configure(queues, ROOM, {"queueing_method": "fifo", "message": "Same method"}, by=STAFF)


async def test_changes_at_once_are_applied_one_after_the_other(queues: Queues) -> None:
    await a_stored_room(queues.stores)
    patches: list[dict[str, Any]] = [{"burst": 5}, {"claim_window_s": 7}, {"session_ttl_s": 9}]
    await asyncio.gather(
        *(configure(queues, ROOM, patch, by=STAFF) for patch in patches),
        set_state(queues, ROOM, "open", by=STAFF),
    )
    room, now = await status(queues, ROOM)
    kept = room.settings
    assert (kept.burst, kept.claim_window_s, kept.session_ttl_s) == (5, 7, 9)
    assert (room.version, now.version, now.state) == (5, 5, "open")
    client: Any = queues.stores.redis
    fields = await client.hmget(KEYS.conf, "burst", "claim_window_ms", "session_ttl_ms")
    assert fields == ["5", "7000", "9000"]


async def test_an_opening_by_the_clock_survives_a_change_from_a_slow_clock(queues: Queues) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    await a_stored_room(queues.stores, opens_at=soon)
    await status(queues, ROOM)
    at_ms = round(soon.timestamp() * 1000)
    assert (await admit(queues.stores.redis, KEYS, limit=10, now_ms=at_ms)).status.state == "open"
    await configure(queues, ROOM, {"message": "Our clock says it is not open yet"}, by=STAFF)
    assert await states(queues) == ("scheduled", "open")


async def test_what_the_clock_did_is_recorded_unless_staff_were_faster(queues: Queues) -> None:
    await a_stored_room(queues.stores, opens_at=datetime(2020, 1, 1, tzinfo=UTC))
    await status(queues, ROOM)
    now = (await admit(queues.stores.redis, KEYS, limit=10)).status
    await record_progress(queues.stores.postgres, ROOM, now)
    assert (await queues.loaded_rooms.read(ROOM)).state == "open"
    assert (await queues.loaded_rooms.read(ROOM)).opened_at_ms == now.opened_at_ms
    await set_state(queues, ROOM, "pause", by=STAFF)
    await record_progress(queues.stores.postgres, ROOM, now)
    assert (await queues.loaded_rooms.read(ROOM)).state == "paused"


async def test_a_version_that_redis_missed_is_brought_there(queues: Queues) -> None:
    await a_stored_room(queues.stores)
    await status(queues, ROOM)
    async with queues.stores.postgres.acquire() as connection, connection.transaction():
        row = await rooms.lock_room(connection, ROOM)
        assert row is not None
        await rooms.touch_room(connection, ROOM)
    assert (await status(queues, ROOM))[1].version == 1
    await push(queues.stores, ROOM)
    assert (await status(queues, ROOM))[1].version == 2


async def test_a_deleted_room_is_gone(queues: Queues) -> None:
    await create_room(queues, ROOM, RoomSettings(name="Hall"), by=STAFF)
    await emptying.delete_room(queues, ROOM, force=False, by=STAFF)
    with pytest.raises(errors.RoomNotFound):
        await status(queues, ROOM)
    with pytest.raises(errors.RoomNotFound):
        await join(queues, ROOM, Joiner(a_visitor()))
    assert not await queues.stores.redis.exists(KEYS.conf)
    await create_room(queues, ROOM, RoomSettings(name="Hall again"), by=STAFF)


async def test_a_removed_visitor_loses_the_session_for_good(queues: Queues) -> None:
    await a_stored_room(queues.stores)
    await set_state(queues, ROOM, "open", by=STAFF)
    ann = a_visitor()
    await join(queues, ROOM, Joiner(ann))
    await claim(queues, ROOM, token(ann, 1))
    await control.remove(queues, ROOM, ann, by=STAFF)
    await control.remove(queues, ROOM, ann, by=STAFF)
    assert (await status(queues, ROOM))[1].active == 0
    assert await queues.stores.postgres.fetchval("SELECT count(*) FROM removed_visitors") == 1
    assert await queues.stores.postgres.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == 0


async def test_the_numbers_of_a_room(queues: Queues) -> None:
    await a_stored_room(queues.stores)
    await set_state(queues, ROOM, "open", by=STAFF)
    for _ in range(3):
        await join(queues, ROOM, Joiner(a_visitor()))
    _, now = await status(queues, ROOM)
    await record_progress(queues.stores.postgres, ROOM, now)
    counted = (await stats.room(queues, ROOM)).counted
    assert (counted.joined, counted.admitted, counted.no_shows) == (3, 3, 0)
    assert await stats.waits_s(queues, ROOM) == {"p50": 0, "p90": 0, "p99": 0}


async def test_nobody_is_called_by_hand_in_a_room_that_cannot_call_now(queues: Queues) -> None:
    await a_stored_room(queues.stores, admission_rate_per_minute=0)
    with pytest.raises(errors.Conflict, match="scheduled"):
        await advance(queues, ROOM, 1, by=STAFF)
    await set_state(queues, ROOM, "open", by=STAFF)
    ann = (await join(queues, ROOM, Joiner(a_visitor())))[0]
    client: Any = queues.stores.redis
    await client.hset(KEYS.conf, "restoring", 1)
    with pytest.raises(errors.Restoring):
        await advance(queues, ROOM, 1, advance_id="once", by=STAFF)
    await client.hset(KEYS.conf, "restoring", 0)
    assert await queues.stores.postgres.fetchval("SELECT count(*) FROM audit WHERE action = 'advance'") == 0
    assert (await advance(queues, ROOM, 1, advance_id="once", by=STAFF)).called == 1
    assert (await claim(queues, ROOM, token(ann.visitor_id, ann.token_number)))[0].state == "active"


async def test_nobody_is_called_by_hand_while_postgres_is_away_for_the_workers(queues: Queues) -> None:
    """Whoever were called then could not claim, as no session can be written."""
    redis = queues.stores.redis
    await a_stored_room(queues.stores, admission_rate_per_minute=0)
    await set_state(queues, ROOM, "open", by=STAFF)
    await join(queues, ROOM, Joiner(a_visitor()))
    await admit(redis, KEYS, limit=0)
    with pytest.raises(errors.StoreUnavailable, match="nobody was called"):
        await advance(queues, ROOM, 1, advance_id="once", by=STAFF)
    assert (await status(queues, ROOM))[1].called == 0
    assert await queues.stores.postgres.fetchval("SELECT count(*) FROM audit WHERE action = 'advance'") == 0
    await admit(redis, KEYS, limit=10)
    assert (await advance(queues, ROOM, 1, advance_id="once", by=STAFF)).called == 1


async def test_what_is_known_of_many_rooms_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[str]()

    async def status_of(room_id: RoomId) -> tuple[Any, Any]:
        read.append(room_id)
        return None, f"status of {room_id}"

    monkeypatch.setattr(recent_status, "KNOWN_MAX", 2)
    recent = recent_status.RecentStatus(status_of)
    for name in ("a", "b", "a", "c", "a"):
        found: object = await recent.of(RoomId(name))
        assert found == f"status of {name}"
    assert read == ["a", "b", "c", "a"]
