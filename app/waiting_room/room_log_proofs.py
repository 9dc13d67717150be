"""Reads the public log of a room: leaves, heads, and proofs for a tree of any size.

A proof is computed from the stored nodes, those of every eighth level, and the leaves below them. So it costs
a few hundred hashes, however large the log is.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.assurance.merkle import Node, consistency_path, inclusion_path, leaf_hash, node_hash, proof
from app.core.assurance.room_log import Receipt, origin_of, visitor_name
from app.core.errors import LogNotBegun, RoomNotFound, ValidationFailed
from app.core.model import Place, Room, RoomId
from app.restoring.loaded_rooms import LoadedRooms
from app.store.connections import Queries
from app.store.sql.assurance import room_log as stored
from app.store.sql.assurance.room_log import StoredLog
from app.waiting_room.room_log import KEPT_LEVELS

TILE = 1 << KEPT_LEVELS  # leaves, or nodes, below one stored node


async def existing_log(rooms: LoadedRooms, room_id: RoomId) -> StoredLog:
    """The log of a room, which must have begun. Raises RoomNotFound, LogNotBegun."""
    if rooms.stores.absent.has("room", room_id):
        raise RoomNotFound
    log = await stored.select_log(rooms.stores.postgres, room_id)
    if log is None:
        await rooms.read(room_id)
        raise LogNotBegun
    return log


async def inclusion(queries: Queries, log: StoredLog, room_id: RoomId, leaf: int, size: int) -> list[bytes]:
    """The inclusion proof (RFC 9162) of a leaf in the tree of `size` leaves. Raises ValidationFailed."""
    _check_size(log, "size", size)
    if leaf >= size:
        raise ValidationFailed("leaf", f"must be below the size, {size}")
    return await _proof(queries, room_id, inclusion_path(leaf, size))


async def consistency(
    queries: Queries, log: StoredLog, room_id: RoomId, first: int, second: int
) -> list[bytes]:
    """The consistency proof (RFC 9162): the tree of `second` leaves extends that of `first` leaves.

    Raises ValidationFailed.
    """
    _check_size(log, "second", second)
    if not 0 < first <= second:
        raise ValidationFailed("first", f"must be between 1 and the second size, {second}")
    return await _proof(queries, room_id, consistency_path(first, second))


async def origin(queries: Queries, host: str, room_id: RoomId) -> str:
    """The origin line of the room's log in this installation's checkpoints. The log must have begun."""
    [first] = await stored.select_leaves(queries, room_id, 0, 1)
    return origin_of(host, room_id, first)


async def receipt(queries: Queries, room: Room, place: Place, now_ms: int) -> Receipt:
    """The receipt of a visitor's place, unsigned."""
    log = await stored.select_log(queries, room.room_id)
    name = visitor_name(log.secret, place.visitor_id) if log else None
    leaf = None
    if name and place.queue_number:
        leaf = await _leaf_of(queries, room.room_id, place.queue_number, name)
    state, number = place.state, place.queue_number
    return Receipt(room.room_id, room.generation, place.visitor_id, name, state, number or None, leaf, now_ms)


async def _leaf_of(queries: Queries, room_id: RoomId, number: int, name: str) -> int | None:
    entries = {f"{word} {number} {name}" for word in ("joined", "drawn")}
    for first, leaves in await stored.select_batches_with(queries, room_id, number):
        for at, leaf in enumerate(leaves):
            if " ".join(leaf.split(" ")[1:4]) in entries:
                return first + at
    return None


def _check_size(log: StoredLog, field: str, size: int) -> None:
    if size > log.size:
        raise ValidationFailed(field, f"the log has {log.size} leaves")


async def _proof(queries: Queries, room_id: RoomId, path: Sequence[Sequence[Node]]) -> list[bytes]:
    needed = [node for nodes in path for node in nodes]
    tiles = {node.at << node.level >> KEPT_LEVELS for node in needed if node.level < KEPT_LEVELS}
    known: dict[Node, bytes] = {}
    for tile in sorted(tiles):
        leaves = await stored.select_leaves(queries, room_id, tile * TILE, (tile + 1) * TILE)
        known |= {Node(0, tile * TILE + at): leaf_hash(leaf.encode()) for at, leaf in enumerate(leaves)}
    ranges = [_stored_range(node) for node in needed if node.level >= KEPT_LEVELS]
    if ranges:
        known |= await stored.select_nodes(queries, room_id, ranges)
    return proof(path, lambda node: _hash(node, known))


def _stored_range(node: Node) -> tuple[int, int, int]:
    level = node.level - node.level % KEPT_LEVELS
    return level, node.at << node.level - level, (node.at + 1) << node.level - level


def _hash(node: Node, known: dict[Node, bytes]) -> bytes:
    if digest := known.get(node):
        return digest
    below = Node(node.level - 1, 2 * node.at), Node(node.level - 1, 2 * node.at + 1)
    return node_hash(_hash(below[0], known), _hash(below[1], known))
