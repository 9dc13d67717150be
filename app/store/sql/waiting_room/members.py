"""SQL of rooms for members: the key that verifies proofs, and the visitor each member is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.core.model import RoomId, VisitorId
from app.store.connections import Connection, Queries


class LoginRow(NamedTuple):
    """How a room's proofs are verified; the key is sealed."""

    algorithm: str
    audience: str
    sealed: bytes


async def select_login(queries: Queries, room_id: RoomId) -> LoginRow | None:
    """The login settings of a room, or None."""
    row = await queries.fetchrow(
        "SELECT algorithm, audience, sealed FROM member_logins WHERE room_id = $1", room_id
    )
    return LoginRow(row["algorithm"], row["audience"], bytes(row["sealed"])) if row else None


async def save_login(connection: Connection, room_id: RoomId, login: LoginRow) -> bool:
    """Store the login settings of a room; False: there is no such room."""
    row = await connection.fetchrow(
        "INSERT INTO member_logins (room_id, algorithm, audience, sealed) "
        "SELECT room_id, $2, $3, $4 FROM rooms WHERE room_id = $1 FOR KEY SHARE "
        "ON CONFLICT (room_id) DO UPDATE SET algorithm = excluded.algorithm, audience = excluded.audience, "
        "sealed = excluded.sealed, changed_at = now() RETURNING 1",
        *(room_id, *login),
    )
    return row is not None


async def delete_login(connection: Connection, room_id: RoomId) -> bool:
    """Delete the login settings of a room; False: there are none."""
    row = await connection.fetchrow("DELETE FROM member_logins WHERE room_id = $1 RETURNING 1", room_id)
    return row is not None


async def enter(queries: Queries, room_id: RoomId, key: bytes, visitor_id: VisitorId) -> VisitorId | None:
    """The visitor_id of a member: the given one on their first join. None: there is no such room."""
    visitor_bound = await queries.fetchval(
        "INSERT INTO members (room_id, member_key, visitor_id) "
        "SELECT room_id, $2, $3 FROM rooms WHERE room_id = $1 FOR KEY SHARE "
        "ON CONFLICT (room_id, member_key) DO UPDATE SET since = members.since RETURNING visitor_id",
        *(room_id, key, visitor_id),
    )
    return VisitorId(visitor_bound) if visitor_bound else None


async def may_move(queries: Queries, room_id: RoomId, visitors: Sequence[VisitorId]) -> bool:
    """Whether these may all become another visitor: staff removed none, and none has tickets."""
    movable: bool = await queries.fetchval(
        "SELECT EXISTS (SELECT FROM removed_visitors WHERE room_id = $1 AND visitor_id = ANY($2)) "
        "OR EXISTS (SELECT FROM reservations JOIN events USING (event_id) "
        "WHERE room_id = $1 AND visitor_id = ANY($2) AND status IN ('held', 'paying', 'confirmed'))",
        *(room_id, visitors),
    )
    return not movable


async def move(queries: Queries, room_id: RoomId, key: bytes, from_id: VisitorId, to_id: VisitorId) -> bool:
    """Give a member another visitor_id; False: they got one meanwhile."""
    row = await queries.fetchrow(
        "UPDATE members SET visitor_id = $4, since = now() "
        "WHERE room_id = $1 AND member_key = $2 AND visitor_id = $3 RETURNING 1",
        *(room_id, key, from_id, to_id),
    )
    return row is not None


async def present(queries: Queries, room_id: RoomId, visitors: Sequence[VisitorId]) -> set[VisitorId]:
    """Those of these visitors who are members now."""
    rows = await queries.fetch(
        "SELECT visitor_id FROM members WHERE room_id = $1 AND visitor_id = ANY($2)", room_id, visitors
    )
    return {VisitorId(row["visitor_id"]) for row in rows}
