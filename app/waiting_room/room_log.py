"""Writes the public log of a room: steps noted by scripts become leaves of a tree, whose heads are signed.

A script notes each step in Redis atomically with the step itself. A worker writes notes in batches: leaves,
tree nodes and its progress in one transaction, and only then removes the notes from Redis. So each step is
logged once and in order, however often the worker is interrupted. If Redis is lost before, its notes are
lost, and the log says that the room was restored. For notes dropped at the stream's cap, the log says how
many.
"""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

from app.core.assurance import room_log as format_
from app.core.assurance.beacon import QUICKNET, Chain
from app.core.assurance.merkle import Frontier, Node, leaf_hash
from app.core.assurance.room_log import HEAD_EVERY_MS, Head
from app.core.model import Room, RoomId
from app.core.tokens.signing_key import SigningKey
from app.core.waiting_room import rules
from app.store.connections import Connection, Stores
from app.store.keys import RoomKeys
from app.store.redis import room_log as stream
from app.store.redis.room_log import BEGINNING, LogEntries
from app.store.scripts import admission
from app.store.scripts import room as room_scripts
from app.store.sql.accounts import signing_keys
from app.store.sql.assurance import room_log as stored
from app.store.sql.assurance.room_log import LeafBatch, StoredHead, StoredLog
from app.store.sql.locks import try_lock
from app.store.sql.waiting_room import draws, rooms
from app.waiting_room import draw_entropy
from app.waiting_room.draw_entropy import Entropy
from app.waiting_room.log_tally import keep_tally

PAGE = 100  # entries, each of up to a batch of visitors
PAGES_MAX = 20  # per round; the next one goes on
LEAVES_A_ROW = 1_024
MIXED = "mixed"  # ends a leaf to which the root of the preceding leaves is appended
KEPT_LEVELS = 8  # only every eighth level of the tree's nodes is stored


class RoundResult(NamedTuple):
    """The result of a round: whether more may be left, and when a head is due (ms; None: all is signed)."""

    more: bool
    head_due_ms: int | None


async def write(stores: Stores, room_id: RoomId, chain: Chain = QUICKNET) -> RoundResult:
    """Write what was noted, and sign a head if one is due. `chain`: of the beacon that draws use."""
    for _ in range(PAGES_MAX):
        count, due = await _write_page(stores, room_id, chain)
        if count < PAGE:
            return RoundResult(False, due)
    return RoundResult(True, due)


async def _write_page(stores: Stores, room_id: RoomId, chain: Chain) -> tuple[int, int | None]:
    """Write a page. Returns how many entries, and when a head is due; 0 also while another worker writes."""
    keys = RoomKeys(room_id)
    async with stores.postgres.acquire() as connection, connection.transaction():
        if not await try_lock(connection, "fairgate room log", room_id):
            return 0, None
        row = await rooms.select_room(connection, room_id)
        if row is None:
            return 0, None
        log = await stored.select_log(connection, room_id) or _new_log()
        notes, entropy = await _noted(stores, keys, row.room, log, chain)
        now_ms = time.time_ns() // 1_000_000
        after, leaves = _leaves(row.room, log, notes, chain, now_ms)
        leaves += [entropy.leaf] if entropy else []
        if leaves:
            after, root = await _append(connection, room_id, after, leaves)
            await _keep_draw(connection, row.room, entropy.root if entropy else root, after.draw_round)
            await keep_tally(connection, room_id, after.size)
        # The round that a draw awaits must be signed before it exists.
        fixed = after.draw_round > 0 and after.revealed and not log.revealed
        due = after.signed_at_ms + HEAD_EVERY_MS if after.size > after.signed_size else None
        if due is not None and (fixed or not 0 <= now_ms - after.signed_at_ms < HEAD_EVERY_MS):
            after, due = await _sign(connection, room_id, after, now_ms), None
        if after != log:
            await stored.write_log(connection, room_id, after)
    await admission.take_log(
        stores.redis, keys, after=stream.next_id(after.entry_id), upto=after.noted if notes else 0
    )
    return len(notes), due


async def _noted(
    stores: Stores, keys: RoomKeys, room: Room, log: StoredLog, chain: Chain
) -> tuple[list[LogEntries], Entropy | None]:
    """The next page of notes, and the entropy that a draw awaits, if it is known, to be logged after them."""
    awaits = log.revealed and log.draw_round > 0 and room.draw_root is None
    now_ms = (await room_scripts.status(stores.redis, keys)).now_ms if awaits else 0
    notes = await stream.after(stores.redis, keys, log.entry_id, PAGE)
    if not awaits or len(notes) == PAGE:
        return notes, None
    at_ms = max([now_ms, *(it.at_ms for it in notes)])  # no later note is older than this
    return notes, draw_entropy.entropy_of(room, at_ms, chain)


async def _keep_draw(connection: Connection, room: Room, root: bytes | None, draw_round: int) -> None:
    """Store the entropy that the draw adds to the seed, as far as the log records it by now."""
    if draw_round not in (0, room.draw_round):
        await draws.keep_round(connection, room, draw_round)
    if root is not None:
        await draws.keep_root(connection, room, root)


def _new_log() -> StoredLog:
    return StoredLog("", secrets.token_bytes(32), 0, b"", BEGINNING, 0, False, 0, 0)


def _leaves(
    room: Room, log: StoredLog, notes: list[LogEntries], chain: Chain, now_ms: int
) -> tuple[StoredLog, list[str]]:
    """Turn notes into leaves. Returns the state of the log after them, and the leaves."""
    leaves: list[str] = []
    for note in notes:
        restored = note.lines[0].startswith("restored ")
        if log.generation != room.generation and (restored or not log.generation):
            leaves.append(_began(room, note.at_ms))
            log = log._replace(generation=room.generation, revealed=False, mixes=False, draw_round=0)
        elif note.before > log.noted and not restored:
            leaves.append(f"{note.at_ms} lost {note.before - log.noted}")
        leaves += format_.leaves_of(log.secret, note.at_ms, note.lines)
        lottery = room.settings.queueing_method == "lottery"
        log, new_leaves = draw_entropy.announced(room, log, note, chain)
        leaves += new_leaves
        if lottery and not log.revealed and "state open" in note.lines and room.opened_at_ms:
            leaves.append(f"{note.at_ms} revealed {room.seed.hex()}")
            log, new_leaves = _opened(room, log, note, chain, now_ms)
            leaves += new_leaves
        log = log._replace(entry_id=note.entry_id, noted=note.before + len(note.lines))
    return log, leaves


def _opened(
    room: Room, log: StoredLog, note: LogEntries, chain: Chain, now_ms: int
) -> tuple[StoredLog, list[str]]:
    """The log and its leaves at the opening of a lottery that adds entropy to the seed."""
    log = log._replace(revealed=True)
    if room.draw_root is not None:
        return log, []
    if room.settings.draw_entropy == "entries":
        return log, [f"{note.at_ms} {MIXED}"]
    if room.settings.draw_entropy == "beacon" and log.mixes:
        return draw_entropy.awaited(log, note, chain, now_ms)
    return log, []


def _began(room: Room, at_ms: int) -> str:
    lottery = room.settings.queueing_method == "lottery"
    commitment = rules.commitment(room.seed) if lottery else "-"
    method = room.settings.queueing_method
    return f"{at_ms} began {room.room_id} {room.generation or '-'} {method} {commitment}"


async def _append(
    connection: Connection, room_id: RoomId, log: StoredLog, leaves: list[str]
) -> tuple[StoredLog, bytes | None]:
    """Append leaves.

    Returns the log after them, and the root that the draw uses if one of them records it.
    """
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
    numbers = format_.numbers_in(leaves)
    return LeafBatch(first, leaves, min(numbers, default=None), max(numbers, default=None))


async def _sign(connection: Connection, room_id: RoomId, log: StoredLog, now_ms: int) -> StoredLog:
    root = Frontier.of_bytes(log.size, log.peaks).root().hex()
    statement = format_.signed(await log_key(connection), Head(room_id, log.size, root, now_ms))
    await stored.insert_head(connection, room_id, StoredHead(log.size, now_ms, statement))
    return log._replace(signed_size=log.size, signed_at_ms=now_ms)


async def log_key(connection: Connection) -> SigningKey:
    """The key that signs logs. An installation older than the logs gets its first one here."""
    if key := await signing_keys.select_newest(connection, "log"):
        return key
    await signing_keys.insert_first_key(connection, SigningKey.new("log"))
    key = await signing_keys.select_newest(connection, "log")
    assert key is not None
    return key
