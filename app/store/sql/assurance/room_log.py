"""SQL of the public logs of rooms: leaves in batches, and nodes of the tree at every eighth level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.core.assurance.merkle import Node
from app.core.clock import from_ms, to_ms
from app.core.model import RoomId
from app.store.connections import Connection, Queries

# batches that can contain a number: a place that moved to another device is also in a later one
GIVEN_MAX = 8


class StoredLog(NamedTuple):
    """How far a log has been written."""

    generation: str
    secret: bytes
    size: int
    peaks: bytes
    entry_id: str  # of the room's stream in Redis, the last one contained in the log
    noted: int  # how much had been noted up to there
    revealed: bool
    signed_size: int
    signed_at_ms: int
    mixes: bool = False  # whether entropy is mixed into the draw besides the seed, as the log announced
    draw_round: int = 0  # beacon round last announced; 0: none


class StoredHead(NamedTuple):
    """A signed head."""

    size: int
    at_ms: int
    statement: str


class LeafBatch(NamedTuple):
    """Consecutive leaves, with the lowest and the highest queue number given in them."""

    first: int
    leaves: list[str]
    numbers_from: int | None
    numbers_to: int | None


_COLUMNS = (
    "generation, secret, size, peaks, entry_id, noted, revealed, signed_size, signed_at, mixes, draw_round"
)


async def select_log(queries: Queries, room_id: RoomId) -> StoredLog | None:
    """The room's log; None: it has none yet."""
    row = await queries.fetchrow(f"SELECT {_COLUMNS} FROM room_logs WHERE room_id = $1", room_id)
    if row is None:
        return None
    *values, signed_at, mixes, draw_round = tuple(row.values())
    return StoredLog._make((*values, to_ms(signed_at), mixes, draw_round))


async def write_log(connection: Connection, room_id: RoomId, log: StoredLog) -> None:
    """Store how far the log has been written."""
    await connection.execute(
        f"INSERT INTO room_logs (room_id, {_COLUMNS}) VALUES "
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
        "ON CONFLICT (room_id) DO UPDATE SET generation = excluded.generation, size = excluded.size, "
        "peaks = excluded.peaks, entry_id = excluded.entry_id, noted = excluded.noted, "
        "revealed = excluded.revealed, signed_size = excluded.signed_size, signed_at = excluded.signed_at, "
        "mixes = excluded.mixes, draw_round = excluded.draw_round",
        *(room_id, *log[:-3], from_ms(log.signed_at_ms), log.mixes, log.draw_round),
    )


async def insert_leaves(connection: Connection, room_id: RoomId, batches: Sequence[LeafBatch]) -> None:
    """Append leaves."""
    await connection.execute(
        "INSERT INTO room_log_leaves (room_id, first, count, leaves, numbers_from, numbers_to) "
        "SELECT $1, * FROM unnest($2::bigint[], $3::int[], $4::text[], $5::bigint[], $6::bigint[])",
        room_id,
        [it.first for it in batches],
        [len(it.leaves) for it in batches],
        ["\n".join(it.leaves) for it in batches],
        [it.numbers_from for it in batches],
        [it.numbers_to for it in batches],
    )


async def insert_nodes(connection: Connection, room_id: RoomId, nodes: Sequence[tuple[Node, bytes]]) -> None:
    """Store complete nodes."""
    await connection.execute(
        "INSERT INTO room_log_nodes (room_id, level, index, hash) "
        "SELECT $1, * FROM unnest($2::int[], $3::bigint[], $4::bytea[])",
        room_id,
        [node.level for node, _ in nodes],
        [node.at for node, _ in nodes],
        [found for _, found in nodes],
    )


async def insert_head(connection: Connection, room_id: RoomId, head: StoredHead) -> None:
    """Store a signed head."""
    await connection.execute(
        "INSERT INTO room_log_heads (room_id, size, at, statement) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        *(room_id, head.size, from_ms(head.at_ms), head.statement),
    )


async def select_head(queries: Queries, room_id: RoomId, size: int | None = None) -> StoredHead | None:
    """The newest signed head, or that of a size; None: there is none."""
    row = await queries.fetchrow(
        "SELECT size, at, statement FROM room_log_heads WHERE room_id = $1 "
        "AND ($2::bigint IS NULL OR size = $2) ORDER BY size DESC LIMIT 1",
        *(room_id, size),
    )
    return StoredHead(row["size"], to_ms(row["at"]), row["statement"]) if row else None


async def select_heads(queries: Queries, room_id: RoomId, after: int, limit: int) -> list[StoredHead]:
    """Signed heads of trees larger than `after`, the smallest first."""
    rows = await queries.fetch(
        "SELECT size, at, statement FROM room_log_heads WHERE room_id = $1 AND size > $2 "
        "ORDER BY size LIMIT $3",
        *(room_id, after, limit),
    )
    return [StoredHead(row["size"], to_ms(row["at"]), row["statement"]) for row in rows]


async def select_leaves(queries: Queries, room_id: RoomId, first: int, last: int) -> list[str]:
    """Leaves from `first` up to, not including, `last`."""
    rows = await queries.fetch(
        "SELECT first, leaves FROM room_log_leaves WHERE room_id = $1 AND first < $3 AND first >= coalesce("
        "(SELECT max(first) FROM room_log_leaves WHERE room_id = $1 AND first <= $2), 0) ORDER BY first",
        *(room_id, first, last),
    )
    if not rows:
        return []
    leaves = [leaf for row in rows for leaf in row["leaves"].split("\n")]
    begin = rows[0]["first"]
    return leaves[first - begin : last - begin]


async def select_batches_with(queries: Queries, room_id: RoomId, number: int) -> list[tuple[int, list[str]]]:
    """Batches of leaves that may give this number, each with the index of its first leaf."""
    rows = await queries.fetch(
        "SELECT first, leaves FROM room_log_leaves WHERE room_id = $1 AND numbers_to >= $2 "
        "AND numbers_from <= $2 ORDER BY numbers_to LIMIT $3",
        *(room_id, number, GIVEN_MAX),
    )
    return [(row["first"], row["leaves"].split("\n")) for row in rows]


async def select_nodes(
    queries: Queries, room_id: RoomId, ranges: Sequence[tuple[int, int, int]]
) -> dict[Node, bytes]:
    """The stored nodes in these ranges: level, first index, last index (exclusive)."""
    rows = await queries.fetch(
        "SELECT it.level, it.index, it.hash FROM unnest($2::int[], $3::bigint[], $4::bigint[]) "
        "AS asked (level, first, last) JOIN room_log_nodes it ON it.room_id = $1 AND it.level = asked.level "
        "AND it.index >= asked.first AND it.index < asked.last",
        room_id,
        *([it[part] for it in ranges] for part in range(3)),
    )
    return {Node(row["level"], row["index"]): row["hash"] for row in rows}
