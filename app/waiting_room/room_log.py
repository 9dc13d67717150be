"""Writes the public log of a room: what scripts noted becomes leaves of a tree, whose heads are signed.

Redis notes each step with the step itself, a worker writes them in batches: leaves, nodes and how far it got
in one transaction, and only then takes them out of Redis. So each is in the log once, in order, however often
this is cut off. What Redis loses before that is lost, and the log says that the room was restored; of what is
beyond the cap it says how much it was.
"""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

from app.core import room_log as format_
from app.core import rules
from app.core.merkle import Frontier, Node, leaf_hash
from app.core.model import Room, RoomId
from app.core.room_log import HEAD_EVERY_MS, Head
from app.core.signing_key import SigningKey
from app.store.connections import Connection, Stores
from app.store.keys import RoomKeys
from app.store.redis import room_log as stream
from app.store.redis.room_log import BEGINNING, Noted
from app.store.scripts import admission
from app.store.sql import room_log as stored
from app.store.sql import rooms, signing_keys
from app.store.sql.locks import try_lock
from app.store.sql.room_log import LeafBatch, StoredHead, StoredLog
from app.waiting_room.log_tally import keep_tally

PAGE = 100  # entries, each of up to a batch of visitors
PAGES_MAX = 20  # a round; the next one goes on
LEAVES_A_ROW = 1_024
MIXED = "mixed"  # a leaf, to which the root of the leaves before it is added
KEPT_LEVELS = 8  # of the tree's nodes each so many levels are stored


class Written(NamedTuple):
    """What a round did: whether there may be more, and when a head is due (ms); None: all is signed."""

    more: bool
    head_due_ms: int | None


async def write(stores: Stores, room_id: RoomId) -> Written:
    """Write what was noted, and sign a head where one is due."""
    for _ in range(PAGES_MAX):
        count, due = await _write_page(stores, room_id)
        if count < PAGE:
            return Written(False, due)
    return Written(True, due)


async def _write_page(stores: Stores, room_id: RoomId) -> tuple[int, int | None]:
    """How many entries; 0 also while another worker writes."""
    keys = RoomKeys(room_id)
    async with stores.postgres.acquire() as connection, connection.transaction():
        if not await try_lock(connection, "fairgate room log", room_id):
            return 0, None
        row = await rooms.select_room(connection, room_id)
        if row is None:
            return 0, None
        log = await stored.select_log(connection, room_id) or _new_log()
        found = await stream.after(stores.redis, keys, log.entry_id, PAGE)
        after, leaves = _leaves(row.room, log, found)
        if leaves:
            after, root = await _append(connection, room_id, after, leaves)
            if root is not None:
                await rooms.keep_draw_root(connection, row.room, root)
            await keep_tally(connection, room_id, after.size)
        now_ms = time.time_ns() // 1_000_000
        due = after.signed_at_ms + HEAD_EVERY_MS if after.size > after.signed_size else None
        if due is not None and not 0 <= now_ms - after.signed_at_ms < HEAD_EVERY_MS:
            after, due = await _sign(connection, room_id, after, now_ms), None
        if after != log:
            await stored.write_log(connection, room_id, after)
    await admission.take_log(
        stores.redis, keys, after=stream.next_id(after.entry_id), upto=after.noted if found else 0
    )
    return len(found), due


def _new_log() -> StoredLog:
    return StoredLog("", secrets.token_bytes(32), 0, b"", BEGINNING, 0, False, 0, 0)


def _leaves(room: Room, log: StoredLog, found: list[Noted]) -> tuple[StoredLog, list[str]]:
    """The leaves of what was noted, and how far the log is with them."""
    leaves: list[str] = []
    for it in found:
        restored = it.lines[0].startswith("restored ")
        if log.generation != room.generation and (restored or not log.generation):
            leaves.append(_began(room, it.at_ms))
            log = log._replace(generation=room.generation, revealed=False, mixes=False)
        elif it.before > log.noted and not restored:
            leaves.append(f"{it.at_ms} lost {it.before - log.noted}")
        leaves += format_.leaves_of(log.secret, it.at_ms, it.lines)
        lottery = room.settings.queueing_method == "lottery"
        mixes = lottery and room.settings.draw_entropy == "entries"
        if mixes and not log.mixes and "state prequeue" in it.lines:
            leaves.append(f"{it.at_ms} mixes entries")
            log = log._replace(mixes=True)
        if lottery and not log.revealed and "state open" in it.lines and room.opened_at_ms:
            leaves.append(f"{it.at_ms} revealed {room.seed.hex()}")
            leaves += [f"{it.at_ms} {MIXED}"] if mixes and room.draw_root is None else []
            log = log._replace(revealed=True)
        log = log._replace(entry_id=it.entry_id, noted=it.before + len(it.lines))
    return log, leaves


def _began(room: Room, at_ms: int) -> str:
    lottery = room.settings.queueing_method == "lottery"
    commitment = rules.commitment(room.seed) if lottery else "-"
    method = room.settings.queueing_method
    return f"{at_ms} began {room.room_id} {room.generation or '-'} {method} {commitment}"


async def _append(
    connection: Connection, room_id: RoomId, log: StoredLog, leaves: list[str]
) -> tuple[StoredLog, bytes | None]:
    """The log with these leaves; and the root that the draw is made with, if they say it."""
    tree, root = Frontier.of_bytes(log.size, log.peaks), None
    nodes: list[tuple[Node, bytes]] = []
    for at, leaf in enumerate(leaves):
        if leaf.endswith(f" {MIXED}"):
            root = tree.root()
            leaf = leaves[at] = f"{leaf} {root.hex()}"
        completed = tree.append(leaf_hash(leaf.encode()))
        nodes += [it for it in completed if it[0].level % KEPT_LEVELS == 0]
    batches = [
        _batch(log.size + at, leaves[at : at + LEAVES_A_ROW]) for at in range(0, len(leaves), LEAVES_A_ROW)
    ]
    await stored.insert_leaves(connection, room_id, batches)
    if nodes:
        await stored.insert_nodes(connection, room_id, nodes)
    return log._replace(size=tree.size, peaks=tree.to_bytes()), root


def _batch(first: int, leaves: list[str]) -> LeafBatch:
    numbers = format_.numbers_given(leaves)
    return LeafBatch(first, leaves, min(numbers, default=None), max(numbers, default=None))


async def _sign(connection: Connection, room_id: RoomId, log: StoredLog, now_ms: int) -> StoredLog:
    root = Frontier.of_bytes(log.size, log.peaks).root().hex()
    statement = format_.signed(await log_key(connection), Head(room_id, log.size, root, now_ms))
    await stored.insert_head(connection, room_id, StoredHead(log.size, now_ms, statement))
    return log._replace(signed_size=log.size, signed_at_ms=now_ms)


async def log_key(connection: Connection) -> SigningKey:
    """The key that signs logs. An installation from before there were logs gets its first one here."""
    if found := await signing_keys.select_newest(connection, "log"):
        return found
    await signing_keys.insert_first_key(connection, SigningKey.new("log"))
    found = await signing_keys.select_newest(connection, "log")
    assert found is not None
    return found
