"""SQL of invitations to join a room for members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.core.model import RoomId, VisitorId
from app.core.waiting_room.room_invites import RoomInvite
from app.store.connections import Connection, Queries

SENT_MAX = 10  # e-mails per invitation


class NewInvite(NamedTuple):
    """An invitation to create; the hash is of its link's token."""

    invite_id: str
    token_hash: bytes
    member_key: bytes
    email: str


# Inviting again leaves an invitation unchanged, unless it was withdrawn: then it is created anew.
_PUT = """
INSERT INTO room_invites (room_id, invite_id, token_hash, member_key, email)
SELECT $1, new.* FROM unnest($2::text[], $3::bytea[], $4::bytea[], $5::text[])
    AS new (invite_id, token_hash, member_key, email)
ON CONFLICT (room_id, email) DO UPDATE SET invite_id = excluded.invite_id,
    token_hash = excluded.token_hash, member_key = excluded.member_key, invited_at = now(),
    withdrawn_at = NULL
WHERE room_invites.withdrawn_at IS NOT NULL
RETURNING invite_id
"""
# The subject ids of an invitation's e-mails, first to last.
_MAILS = f"ARRAY(SELECT invite_id || ' ' || number FROM generate_series(1, {SENT_MAX}) AS number)"
_MAIL = f"""
INSERT INTO mails (kind, subject_id, room_id, recipient, guest)
SELECT 'room_invite', invite_id || ' ' || sent + 1, room_id, email, false
FROM room_invites CROSS JOIN LATERAL (
    SELECT count(*) AS sent FROM mails WHERE mails.kind = 'room_invite' AND subject_id = ANY({_MAILS})
) AS before
WHERE room_id = $1 AND invite_id = ANY($2) AND withdrawn_at IS NULL AND sent < {SENT_MAX}
ON CONFLICT (kind, subject_id) DO NOTHING RETURNING 1
"""
_STATE = """
CASE WHEN withdrawn_at IS NOT NULL THEN 'withdrawn' WHEN members.since IS NOT NULL THEN 'used'
     WHEN mail.state = 'sent' THEN 'sent' WHEN mail.state IN ('waiting', 'handing_over') THEN 'on_its_way'
     ELSE 'not_sent' END
"""
_LISTED = f"""
SELECT invite_id, email, {_STATE} AS state, invited_at, members.since AS used_at
FROM room_invites LEFT JOIN members USING (room_id, member_key)
LEFT JOIN LATERAL (
    SELECT state FROM mails WHERE mails.kind = 'room_invite' AND subject_id = ANY({_MAILS})
    ORDER BY created_at DESC LIMIT 1) AS mail ON true
WHERE room_id = $1 AND ($2 = '' OR strpos(email, lower($2)) > 0)
ORDER BY invited_at DESC, email LIMIT $3 OFFSET $4
"""


async def invite(connection: Connection, room_id: RoomId, new: Sequence[NewInvite]) -> list[str]:
    """Invite these addresses; returns the ids of those not invited before."""
    columns = list(zip(*new, strict=True)) or [()] * len(NewInvite._fields)
    rows = await connection.fetch(_PUT, room_id, *map(list, columns))
    return [row["invite_id"] for row in rows]


async def count(queries: Queries, room_id: RoomId, text: str = "") -> int:
    """The number of invitations to addresses containing this text."""
    invitations: int = await queries.fetchval(
        "SELECT count(*) FROM room_invites WHERE room_id = $1 AND ($2 = '' OR strpos(email, lower($2)) > 0)",
        *(room_id, text),
    )
    return invitations


async def queue_mails(connection: Connection, room_id: RoomId, invites: Sequence[str]) -> int:
    """Queue e-mails with the links of these, again if sent before; returns how many."""
    return len(await connection.fetch(_MAIL, room_id, invites))


async def select_page(
    queries: Queries, room_id: RoomId, text: str, limit: int, offset: int
) -> list[RoomInvite]:
    """A page of the invitations, newest first."""
    rows = await queries.fetch(_LISTED, room_id, text, limit, offset)
    return [RoomInvite(**row) for row in rows]


async def key_of_link(queries: Queries, room_id: RoomId, token_hash: bytes) -> bytes | None:
    """The member key of an invitation's link; None: it is not, or no longer, valid."""
    key: bytes | None = await queries.fetchval(
        "SELECT member_key FROM room_invites WHERE token_hash = $1 AND room_id = $2 AND withdrawn_at IS NULL",
        *(token_hash, room_id),
    )
    return key


async def withdraw(
    connection: Connection, room_id: RoomId, invite_id: str
) -> tuple[str, VisitorId | None] | None:
    """Withdraw an invitation; returns its address, and the visitor who used it. None: there is none."""
    row = await connection.fetchrow(
        "UPDATE room_invites SET withdrawn_at = now() "
        "WHERE room_id = $1 AND invite_id = $2 AND withdrawn_at IS NULL RETURNING email, member_key",
        *(room_id, invite_id),
    )
    if row is None:
        return None
    visitor_id = await connection.fetchval(
        "DELETE FROM members WHERE room_id = $1 AND member_key = $2 RETURNING visitor_id",
        *(room_id, row["member_key"]),
    )
    return row["email"], VisitorId(visitor_id) if visitor_id else None
