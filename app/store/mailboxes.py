"""SQL of mailboxes: where a visitor of a room can be reached. Personal, so: here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from app.store.rooms import Connection


class Claimable(NamedTuple):
    """A reservation's mailbox, whether it was left by a guest, and which account took it over, if any."""

    email: str
    guest: bool
    claimed_by: str | None


async def keep(
    postgres: asyncpg.Pool, room_id: str, visitor_id: str, email: str, *, locale: str, guest: bool
) -> None:
    """Where mails to this visitor go from now on. Nothing happens in a room that is gone."""
    await postgres.execute(
        """
        INSERT INTO mailboxes (room_id, visitor_id, email, locale, guest)
        SELECT room_id, $2, $3, $4, $5 FROM rooms WHERE room_id = $1
        ON CONFLICT (room_id, visitor_id) DO UPDATE
        SET email = excluded.email, locale = excluded.locale, guest = excluded.guest
        """,
        *(room_id, visitor_id, email, locale, guest),
    )


async def keep_of_account(
    postgres: asyncpg.Pool, room_id: str, visitor_id: str, account_id: str, *, locale: str
) -> None:
    """The account's own e-mail, unless the visitor has left another one."""
    await postgres.execute(
        """
        INSERT INTO mailboxes (room_id, visitor_id, email, locale, guest)
        SELECT room_id, $2, email, $4, false FROM rooms, accounts WHERE room_id = $1 AND account_id = $3
        ON CONFLICT DO NOTHING
        """,
        *(room_id, visitor_id, account_id, locale),
    )


async def delete(connection: Connection, room_id: str, visitor_id: str) -> None:
    """Forget where this visitor is reached, and what was written to them."""
    await connection.execute(
        "DELETE FROM mailboxes WHERE room_id = $1 AND visitor_id = $2", room_id, visitor_id
    )
    await connection.execute("DELETE FROM mails WHERE room_id = $1 AND visitor_id = $2", room_id, visitor_id)


async def of_reservation(postgres: asyncpg.Pool, reservation_id: str) -> Claimable | None:
    """The mailbox of a reservation; None: nobody left one, or there is no such reservation."""
    row = await postgres.fetchrow(
        """
        SELECT email, guest, claimed_by FROM reservations
        JOIN events USING (event_id) JOIN mailboxes USING (room_id, visitor_id)
        WHERE reservation_id = $1
        """,
        reservation_id,
    )
    return Claimable(*row) if row else None


async def claim(postgres: asyncpg.Pool, reservation_id: str, account_id: str) -> bool:
    """The reservation is this account's, too; False when it is another one's."""
    done = await postgres.execute(
        "UPDATE reservations SET claimed_by = $2 "
        "WHERE reservation_id = $1 AND (claimed_by IS NULL OR claimed_by = $2)",
        *(reservation_id, account_id),
    )
    return done == "UPDATE 1"


async def reachable(postgres: asyncpg.Pool, room_ids: Sequence[str]) -> list[str]:
    """Those of these rooms in which anybody can be reached and may be called."""
    rows = await postgres.fetch(
        "SELECT room_id FROM rooms WHERE room_id = ANY($1) AND state <> 'closed' "
        "AND EXISTS (SELECT FROM mailboxes WHERE mailboxes.room_id = rooms.room_id)",
        room_ids,
    )
    return [row["room_id"] for row in rows]
