"""SQL of identities: the visitor that each confirmed mailbox is in a room, so that a mailbox has one
place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.core.model import RoomId, VisitorId
from app.store.connections import Queries


class ShownIdentity(NamedTuple):
    """A visitor's identity: the key of their mailbox, how it was confirmed, and when their account was
    created (None: without an account)."""

    key: bytes
    kind: str  # `email` or `passkey`
    made_at: datetime | None = None


async def enter(
    queries: Queries, room_id: RoomId, identity: ShownIdentity, visitor_id: VisitorId
) -> VisitorId | None:
    """The visitor with this mailbox: the given one, if there was none. None: there is no such room."""
    bound = await queries.fetchval(
        "INSERT INTO identities (room_id, identity_key, kind, made_at, visitor_id) "
        "SELECT room_id, $2, $3, $4, $5 FROM rooms WHERE room_id = $1 FOR KEY SHARE "
        "ON CONFLICT (room_id, identity_key) DO UPDATE SET "
        "kind = CASE WHEN identities.visitor_id = excluded.visitor_id "
        "THEN greatest(identities.kind, excluded.kind) ELSE identities.kind END, "
        "made_at = CASE WHEN identities.visitor_id = excluded.visitor_id "
        "THEN least(identities.made_at, excluded.made_at) ELSE identities.made_at END "
        "RETURNING visitor_id",
        *(room_id, *identity, visitor_id),
    )
    return VisitorId(bound) if bound else None


async def move(
    queries: Queries, room_id: RoomId, identity: ShownIdentity, from_id: VisitorId, to_id: VisitorId
) -> bool:
    """Assign a mailbox to another visitor; False if it was reassigned meanwhile."""
    row = await queries.fetchrow(
        "UPDATE identities SET visitor_id = $6, since = now(), kind = greatest(kind, $3), "
        "made_at = least(made_at, $4) "
        "WHERE room_id = $1 AND identity_key = $2 AND visitor_id = $5 RETURNING 1",
        *(room_id, *identity, from_id, to_id),
    )
    return row is not None


async def follow(queries: Queries, room_id: RoomId, from_id: VisitorId, to_id: VisitorId) -> None:
    """Move a place to another visitor, along with the mailboxes that identify its owner."""
    await queries.execute(
        "UPDATE identities SET visitor_id = $3, since = now() WHERE room_id = $1 AND visitor_id = $2",
        *(room_id, from_id, to_id),
    )


async def select_identified(
    queries: Queries, room_id: RoomId, kind: str, before: datetime | None, visitors: Sequence[VisitorId]
) -> set[VisitorId]:
    """The visitors among these with such an identity; `before`: with an account created before then."""
    rows = await queries.fetch(
        "SELECT DISTINCT visitor_id FROM identities WHERE room_id = $1 AND visitor_id = ANY($2) "
        "AND (kind = 'passkey' OR $3 = 'email') AND ($4::timestamptz IS NULL OR made_at < $4)",
        *(room_id, visitors, kind, before),
    )
    return {VisitorId(row["visitor_id"]) for row in rows}
