"""A draw with a round of the public beacon: it waits for the round, and visibly falls back without it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.assurance.beacon_rounds import read_awaited
from app.commands.audit import from_stores
from app.core.assurance import beacon
from app.core.assurance.beacon import randomness_of, round_at_ms, round_for
from app.core.assurance.log_audit import audit
from app.core.waiting_room.rules import draw_key, draw_of
from app.settings import Settings
from app.store.connections import Stores
from app.store.scripts.admission import admit
from app.store.sql.waiting_room import rooms
from app.waiting_room import control, draw_entropy, room_log
from app.waiting_room.queue import Queues, open_queues, place
from app.waiting_room.queue_numbers import draw_batch, reserve_numbers
from app.web.documents.draw import draw_document
from tests.support.beacon import BeaconRelay, a_chain, a_relay, signature_of
from tests.support.builders import KEYS, ROOM, SEED, STAFF, a_stored_room
from tests.support.waiting import wait_until
from tests.waiting_room.test_mixed_draw import claims, join_visitors

CHAIN = a_chain(int(time.time()) - 1_000, period=1)


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds are due a second after the opening, so that no test waits ten."""
    monkeypatch.setattr(beacon, "LEAD_MS", 1_000)


async def a_prequeue(queues: Queues, opens_in_s: float | None = None) -> None:
    opens_at = datetime.now(UTC) + timedelta(seconds=opens_in_s) if opens_in_s else None
    await a_stored_room(
        queues.stores, queueing_method="lottery", draw_entropy="beacon", admission_rate_per_minute=0
    )
    times = {"prequeue_at": "2020-01-01T00:00:00Z", "opens_at": opens_at and opens_at.isoformat()}
    await control.configure(queues, ROOM, times, by=STAFF)
    await admit(queues.stores.redis, KEYS, limit=2_000)


async def open_room(queues: Queues) -> int:
    """Open the room and return the round that its draw awaits."""
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await reserve_numbers(queues.stores, ROOM)
    await room_log.write(queues.stores, ROOM, CHAIN)
    number: int = await queues.stores.postgres.fetchval("SELECT draw_round FROM rooms")
    return number


async def read(queues: Queues, *relays: BeaconRelay) -> None:
    settings = Settings(
        beacon_relays=[it.url for it in relays],
        beacon_chain=msgspec.json.encode(CHAIN).decode(),
        rate_limits=False,
    )
    await read_awaited(queues.stores, settings)
    await room_log.write(queues.stores, ROOM, CHAIN)


async def drawn(queues: Queues) -> int:
    count = 0
    while batch := await draw_batch(queues.stores, ROOM):
        count += batch
    await room_log.write(queues.stores, ROOM, CHAIN)
    return count


async def leaves_with(queues: Queues, *words: str) -> list[str]:
    """The leaves that contain these words, without their times."""
    export = await from_stores(queues.stores, ROOM)
    assert export is not None
    rest = (it.partition(" ")[2] for it in export.entries)
    return [it for it in rest if it.split(" ")[0] in words]


async def test_a_draw_waits_for_its_round_and_believes_only_the_chains_key(queues: Queues) -> None:
    await a_prequeue(queues, opens_in_s=20)
    entrants = await join_visitors(queues, 30)
    await room_log.write(queues.stores, ROOM, CHAIN)
    [announced] = await leaves_with(queues, "mixes")
    number = await open_room(queues)
    assert announced == f"mixes beacon {CHAIN.hash} {number}"  # soon enough, though staff opened early
    assert await leaves_with(queues, "awaits") == [f"awaits {number}"]
    await queues.stores.postgres.execute("UPDATE rooms SET draw_round = $1", number - 19)  # earlier, for us
    await queues.stores.postgres.execute("UPDATE room_logs SET draw_round = $1", number - 19)
    number -= 19
    async with a_relay(CHAIN) as away, a_relay(CHAIN) as forging, a_relay(CHAIN) as good:
        away.away = forging.forges = True
        await read(queues, good)
        assert good.requests == []  # its time has not come
        assert await drawn(queues) == 0

        async def come() -> bool:
            return time.time() * 1000 > round_at_ms(CHAIN, number)

        await wait_until(come, "the round")
        await read(queues, away, forging)
        assert len(away.requests) == len(forging.requests) == 1
        assert await drawn(queues) == 0
        await read(queues, away, forging, good)
    assert await drawn(queues) == 30
    key = draw_key(SEED, randomness_of(signature_of(number)))
    in_order = sorted(entrants, key=lambda it: draw_of(key, it.visitor_id))
    found = [(await place(queues, ROOM, claims(it)))[0] for it in in_order]
    assert [it.queue_number for it in found] == list(range(1, 31))
    assert await leaves_with(queues, "beacon") == [f"beacon {number} {signature_of(number).hex()}"]
    row = await rooms.select_room(queues.stores.postgres, ROOM)
    assert row is not None
    document = draw_document(row.room, opened=True)
    assert document is not None
    assert document.beacon is not None
    assert document.log_root is None
    assert (document.beacon.round, document.beacon.missed) == (number, False)
    assert document.beacon.randomness == randomness_of(signature_of(number)).hex()


async def test_an_opening_by_hand_awaits_the_next_round_and_the_audit_finds_it_fair(queues: Queues) -> None:
    await a_prequeue(queues)
    await join_visitors(queues, 3)
    await room_log.write(queues.stores, ROOM, CHAIN)
    assert await leaves_with(queues, "mixes") == [f"mixes beacon {CHAIN.hash} 0"]
    number = await open_room(queues)
    async with a_relay(CHAIN) as relay:

        async def came() -> bool:
            await read(queues, relay)
            return bool(await leaves_with(queues, "beacon"))

        await wait_until(came, "the round", every_s=0.1)
    assert await drawn(queues) == 3
    export = await from_stores(queues.stores, ROOM)
    assert export is not None
    verdict = audit(export, (CHAIN,))
    assert verdict.findings == []
    assert [it.what for it in verdict.draw] == [
        f"drawn with round {number} of the chain {CHAIN.hash[:16]}…, whose signature is genuine"
    ]
    assert {it.kind for it in audit(export).findings} == {"beacon_chain"}  # not a chain we know


async def test_a_moved_opening_is_announced_before_the_round_exists(queues: Queues) -> None:
    await a_prequeue(queues, opens_in_s=600)
    await room_log.write(queues.stores, ROOM, CHAIN)
    later = datetime.now(UTC) + timedelta(seconds=1_200)
    await control.configure(queues, ROOM, {"opens_at": later.isoformat()}, by=STAFF)
    await join_visitors(queues, 1)
    await room_log.write(queues.stores, ROOM, CHAIN)
    first, second = await leaves_with(queues, "mixes")
    number = round_for(CHAIN, round(later.timestamp() * 1000))
    assert first != second == f"mixes beacon {CHAIN.hash} {number}"
    assert await queues.stores.postgres.fetchval("SELECT draw_round FROM rooms") == number


async def test_a_beacon_that_is_away_for_too_long_is_missed_and_the_log_says_so(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw_entropy, "WAITS_MS", 0)
    await a_prequeue(queues)
    entrants = await join_visitors(queues, 5)
    await room_log.write(queues.stores, ROOM, CHAIN)
    number = await open_room(queues)
    async with a_relay(CHAIN) as relay:
        relay.away = True

        async def given_up() -> bool:
            await read(queues, relay)
            return bool(await leaves_with(queues, "missed"))

        await wait_until(given_up, "the end of waiting", every_s=0.1)
    assert await drawn(queues) == 5
    assert await leaves_with(queues, "missed", "beacon") == [f"missed {number}"]
    in_order = sorted(entrants, key=lambda it: draw_of(SEED, it.visitor_id))
    found = [(await place(queues, ROOM, claims(it)))[0] for it in in_order]
    assert [it.queue_number for it in found] == list(range(1, 6))
    export = await from_stores(queues.stores, ROOM)
    assert export is not None
    assert {it.kind for it in audit(export, (CHAIN,)).findings} == {"draw_mix"}
