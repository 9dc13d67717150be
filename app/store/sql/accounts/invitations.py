"""SQL of invitations to become staff by a link."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from app.core.accounts.invitations import INVITED_S
from app.core.accounts.rights import SaleRole
from app.core.model import Role
from app.store.connections import Connection, Queries

OPEN_MAX = 1_000  # unused invitations


class Invitation(NamedTuple):
    """An invited person, with a role of the installation or in the sale of one event."""

    invitation_id: str
    email: str
    name: str
    role: Role
    event_id: str | None
    sale_role: SaleRole | None
    invited_by: str
    created_at: datetime
    expires_at: datetime


_COLUMNS = "invitation_id, email, name, role, event_id, sale_role, invited_by, created_at, expires_at"


async def insert(connection: Connection, token_hash: bytes, invitation: Invitation) -> bool:
    """Invite somebody, replacing an earlier invitation to the same; False: too many are open."""
    await connection.execute(
        "DELETE FROM invitations WHERE email = $1 AND event_id IS NOT DISTINCT FROM $2",
        invitation.email,
        invitation.event_id,
    )
    done = await connection.execute(
        "INSERT INTO invitations (token_hash, invitation_id, email, name, role, event_id, "
        "sale_role, invited_by, "
        "                         expires_at) "
        "SELECT $1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9) "
        "WHERE (SELECT count(*) FROM invitations WHERE expires_at > now()) < $10",
        *(token_hash, invitation.invitation_id, invitation.email, invitation.name, invitation.role),
        *(invitation.event_id, invitation.sale_role, invitation.invited_by),
        *(INVITED_S, OPEN_MAX),
    )
    return done == "INSERT 0 1"


async def queue_mail(connection: Connection, invitation_id: str) -> None:
    """Queue the e-mail with the link."""
    await connection.execute(
        "INSERT INTO mails (kind, subject_id, recipient, guest, until, locale) "
        "SELECT 'invite', invitation_id, email, false, expires_at, 'en' FROM invitations "
        "WHERE invitation_id = $1",
        invitation_id,
    )


async def select(queries: Queries, token_hash: bytes) -> Invitation | None:
    """The invitation of a valid link, or None."""
    row = await queries.fetchrow(
        f"SELECT {_COLUMNS} FROM invitations WHERE token_hash = $1 AND expires_at > now()", token_hash
    )
    return Invitation(*row) if row else None


async def use(connection: Connection, token_hash: bytes) -> Invitation | None:
    """Use up a link; None if it is no longer valid."""
    row = await connection.fetchrow(
        f"DELETE FROM invitations WHERE token_hash = $1 AND expires_at > now() RETURNING {_COLUMNS}",
        token_hash,
    )
    return Invitation(*row) if row else None


async def withdraw(connection: Connection, invitation_id: str, event_id: str | None) -> Invitation | None:
    """Withdraw an invitation, of this event if given; None if there is none."""
    row = await connection.fetchrow(
        "DELETE FROM invitations WHERE invitation_id = $1 AND ($2::text IS NULL OR event_id = $2) "
        f"RETURNING {_COLUMNS}",
        *(invitation_id, event_id),
    )
    return Invitation(*row) if row else None


async def select_open(queries: Queries, event_id: str | None, limit: int) -> list[Invitation]:
    """Unused invitations, newest first; of one event, or of all (None)."""
    rows = await queries.fetch(
        f"SELECT {_COLUMNS} FROM invitations WHERE expires_at > now() AND ($1::text IS NULL OR "
        f"event_id = $1) "
        "ORDER BY created_at DESC LIMIT $2",
        *(event_id, limit),
    )
    return [Invitation(*row) for row in rows]
