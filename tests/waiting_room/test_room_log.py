"""The public log: entries noted by the scripts are written once, in order and signed, and gaps are stated."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from app.commands.audit import from_stores
from app.core.assurance import room_log as format_
from app.core.assurance.log_audit import audit
from app.core.assurance.merkle import Frontier, leaf_hash
from app.core.assurance.room_log import HEAD_TYPE, read_statement
from app.core.lanes import Lane
from app.core.model import RoomId, VisitorId
from app.core.tokens.place_tokens import new_member_id
from app.restoring.room import rebuild_room
from app.store.connections import Stores
from app.store.scripts import room
from app.store.scripts.carrying import carry
from app.store.sql.accounts import signing_keys
from app.store.sql.assurance import room_log as stored
from app.waiting_room.room_log import write
from tests.support.builders import (
    KEYS,
    NOW,
    ROOM,
    SEED,
    a_lottery,
    a_room,
    a_stored_room,
    a_visitor,
    change_room,
    join_record,
    stock,
)
from tests.support.queue_steps import claim, join, tick


async def lines(stores: Stores) -> list[str]:
    """All leaves without their times, with names of visitors instead of hashes."""
    log = await stored.select_log(stores.postgres, ROOM)
    assert log is not None
    found = [it.partition(" ")[2] for it in await stored.select_leaves(stores.postgres, ROOM, 0, log.size)]
    for name in ("ann", "bob", "cid", "dan"):
        found = [it.replace(format_.visitor_name(log.secret, name), name) for it in found]
    return found


async def a_sale_tonight(stores: Stores) -> None:
    """Ann joins and claims, Bob is called but does not claim, Cid leaves, staff remove Dan once called."""
    await a_stored_room(stores, loaded=False)
    await a_room(stores.redis, active_visitors_max=2, claim_window_s=10)
    await join(stores.redis, "ann", "bob", "cid", "dan")
    await claim(stores.redis, "ann")
    await room.leave(stores.redis, KEYS, "cid", now_ms=NOW)  # type: ignore[arg-type]
    await tick(stores.redis, NOW + 11_000)
    await room.remove(stores.redis, KEYS, "dan", now_ms=NOW + 11_000)  # type: ignore[arg-type]
    await change_room(
        stores.redis, 9, "paused", NOW + 11_000, active_visitors_max=2, admission_rate_per_minute=60
    )


STORY = [
    "restored 1 0 0",
    "state scheduled",
    "set rate 600",
    "set burst 0",
    "set active_max 2",
    "set claim_window_ms 10000",
    "state open",
    *("joined 1 ann", "called 1 ann", "joined 2 bob", "called 2 bob", "joined 3 cid", "joined 4 dan"),
    *("claimed 1 ann", "left 3 cid", "no_show 2 bob", "called 4 dan"),
    *("left 4 dan", "removed 4 dan staff"),
    *("set rate 60", "set claim_window_ms 120000", "state paused"),
]


async def test_each_step_is_in_the_log_once_and_in_order(stores: Stores) -> None:
    await a_sale_tonight(stores)
    noted: Any = await stores.redis.dump(KEYS.log)
    for _ in range(2):  # the second worker finds what the first one wrote before it died
        await write(stores, ROOM)
        assert not await stores.redis.xlen(KEYS.log)
        began, *rest = await lines(stores)
        assert began == f"began hall {await generation(stores)} fifo -"
        assert rest == STORY
        await stores.redis.restore(KEYS.log, 0, noted, replace=True)


WINDOW = ["set claim_window_ms 120000"]


async def generation(stores: Stores) -> str:
    return str(await stores.postgres.fetchval("SELECT generation FROM rooms") or "-")


async def test_a_head_is_signed_at_once_and_then_every_ten_seconds(stores: Stores) -> None:
    await a_sale_tonight(stores)
    assert (await write(stores, ROOM)).head_due_ms is None
    head = await stored.select_head(stores.postgres, ROOM)
    assert head is not None
    leaves = await stored.select_leaves(stores.postgres, ROOM, 0, head.size)
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf_hash(leaf.encode()))
    keys = {it.kid: it.jwk() for it in await signing_keys.select_all(stores.postgres, "log")}
    statement = read_statement(head.statement, keys, HEAD_TYPE)
    assert statement is not None
    assert (statement["room_id"], statement["size"], statement["root"]) == (
        ROOM,
        len(STORY) + 1,
        tree.root().hex(),
    )
    await join(stores.redis, "eve")
    due_ms = (await write(stores, ROOM)).head_due_ms
    assert due_ms == head.at_ms + 10_000
    await stores.postgres.execute("UPDATE room_logs SET signed_at = signed_at - interval '10 s'")
    assert (await write(stores, ROOM)).head_due_ms is None
    later = await stored.select_head(stores.postgres, ROOM)
    assert later is not None
    assert later.size == head.size + 1


async def test_a_lottery_says_its_commitment_first_and_its_seed_at_the_opening(stores: Stores) -> None:
    await a_stored_room(stores, loaded=False, queueing_method="lottery")
    await a_lottery(stores.redis, [join_record("ann", draw=9), join_record("bob", draw=4)])
    await stores.postgres.execute("UPDATE rooms SET opened_at = now()")
    await write(stores, ROOM)
    found = await lines(stores)
    commitment = "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"
    assert found[0].endswith(f" lottery {commitment}")
    assert found[7:] == [
        "state prequeue",
        "joined 0 ann",
        "joined 0 bob",
        "state open",
        f"revealed {SEED.hex()}",
    ]


async def test_a_draw_made_with_the_log_says_so_before_anybody_joins_and_with_what_at_the_opening(
    stores: Stores,
) -> None:
    mixing: Any = {"queueing_method": "lottery", "draw_entropy": "entries"}
    await a_stored_room(stores, loaded=False, **mixing)
    await a_room(stores.redis, "prequeue", **mixing)
    await write(stores, ROOM)
    assert (await lines(stores))[-2:] == ["state prequeue", "mixes entries"]
    await join(stores.redis, join_record("ann", draw=9), join_record("bob", draw=4))
    await change_room(stores.redis, 3, **mixing)
    await stores.postgres.execute("UPDATE rooms SET opened_at = now()")
    await write(stores, ROOM)
    export = await from_stores(stores, ROOM)
    assert export is not None
    at, fields = next((at, it.split(" ")) for at, it in enumerate(export.entries) if " mixed " in it)
    tree = Frontier()
    for leaf in export.entries[:at]:
        tree.append(leaf_hash(leaf.encode()))
    assert fields[2] == tree.root().hex()
    assert export.entries[at - 1].split(" ")[1:] == ["revealed", SEED.hex()]
    row = await stores.postgres.fetchrow("SELECT draw_root, version FROM rooms")
    assert row is not None
    assert (row["draw_root"], row["version"]) == (tree.root(), 2)
    assert audit(export).findings == []


async def test_after_redis_was_lost_the_log_goes_on_and_says_so(stores: Stores) -> None:
    await a_sale_tonight(stores)
    await write(stores, ROOM)
    await join(stores.redis, "eve")  # this entry is lost
    await stores.redis.flushdb()
    assert await rebuild_room(stores, ROOM)
    await write(stores, ROOM)
    found = (await lines(stores))[len(STORY) + 1 :]
    assert found[0].startswith("restored ")
    assert found[1:] == ["state scheduled", "set rate 600", "set burst 0", "set active_max 0", *WINDOW]


async def test_what_was_beyond_the_cap_is_said_to_be_lost(stores: Stores) -> None:
    await a_sale_tonight(stores)
    await write(stores, ROOM)
    await stores.redis.hincrby(KEYS.meter, "log_noted", 7)
    await join(stores.redis, "ann", "bob")
    await write(stores, ROOM)
    assert (await lines(stores))[len(STORY) + 1 :] == ["lost 7", "joined 5 bob"]


async def test_what_really_happened_is_found_to_be_fair(stores: Stores) -> None:
    await a_sale_tonight(stores)
    await write(stores, ROOM)
    export = await from_stores(stores, ROOM)
    assert export is not None
    assert audit(export).findings == []
    assert await from_stores(stores, RoomId("spare")) is None


async def test_lanes_are_in_the_log_and_what_really_happened_in_them_is_fair(stores: Stores) -> None:
    """A crowd in three lanes; some request too many tickets, leave, miss their turn or move on."""
    lanes = [Lane(name="Members", share=30), Lane(name="Press", share=5)]
    settings: dict[str, Any] = {"lanes": lanes, "admission_rate_per_minute": 600, "claim_window_s": 2}
    await a_stored_room(stores, loaded=False)
    await a_room(stores.redis, "paused", "event", active_visitors_max=None, **settings)
    await stock(stores.redis, 40)
    crowd = [new_member_id(at % 3) if at % 3 else a_visitor() for at in range(150)]
    records = [join_record(it)._replace(quantity=9 if at % 7 == 1 else 1) for at, it in enumerate(crowd)]
    await join(stores.redis, *records)
    for at in range(30, 60, 5):
        await room.leave(stores.redis, KEYS, VisitorId(crowd[at]), now_ms=NOW)
    await carry(stores.redis, KEYS, "code", VisitorId(crowd[14]), new_member_id(1), replace=True, now_ms=NOW)
    await change_room(stores.redis, 9, "open", event_id="event", **settings)
    for second in range(12):
        await tick(stores.redis, NOW + 1_000 * second)
        if second == 6:  # the shares change from now on
            fewer = [Lane(name="Members", share=60), lanes[1]]
            await change_room(
                stores.redis, 10, "open", NOW + 6_000, event_id="event", **(settings | {"lanes": fewer})
            )
        if second == 8:  # enough for those who were passed over
            await stock(stores.redis, 400)
    await write(stores, ROOM)
    export = await from_stores(stores, ROOM)
    assert export is not None
    verdict = audit(export)
    assert verdict.findings == []
    fields = [it.split(" ") for it in export.entries]
    assert [it[2:] for it in fields if it[1] == "lanes"] == [["65", "30", "5"], ["35", "60", "5"]]
    called = Counter(it[4] if len(it) > 4 else "0" for it in fields if it[1] == "called")
    assert called["0"] > called["2"] > 0
    assert called["1"] > 20
    assert verdict.counts["passed: tickets"] > 5
    # The order holds per lane: without the lanes the same log is not fair.
    plain = [" ".join(it[:4]) for it in fields if it[1] != "lanes"]
    assert "overtaken" in {
        it.kind for it in audit(msgspec.structs.replace(export, entries=plain, heads=[])).findings
    }
