"""SQL of roles in single sales."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from app.core.accounts.rights import Grant, SaleRole
from app.store.connections import Connection, Queries

OF_ACCOUNT_MAX = 1_000  # grants per account
OF_EVENT_MAX = 200  # accounts with a grant per sale


class GrantedPerson(NamedTuple):
    """A person with a role in a sale."""

    account_id: str
    name: str
    email: str
    sale_role: SaleRole
    granted_at: datetime
    last_sign_in_at: datetime | None
    deactivated_at: datetime | None


async def of_account(queries: Queries, account_id: str) -> tuple[Grant, ...]:
    """An account's roles in sales."""
    rows = await queries.fetch(
        "SELECT event_id, room_id, sale_role FROM sale_grants JOIN events USING (event_id) "
        "JOIN accounts USING (account_id) "
        "WHERE account_id = $1 AND deactivated_at IS NULL ORDER BY event_id LIMIT $2",
        *(account_id, OF_ACCOUNT_MAX),
    )
    return tuple(Grant(*row) for row in rows)


async def of_event(queries: Queries, event_id: str) -> list[GrantedPerson]:
    """The people with a role in a sale, by name."""
    rows = await queries.fetch(
        "SELECT account_id, name, email, sale_role, granted_at, last_sign_in_at, deactivated_at "
        "FROM sale_grants JOIN accounts USING (account_id) WHERE event_id = $1 ORDER BY name, email LIMIT $2",
        *(event_id, OF_EVENT_MAX),
    )
    return [GrantedPerson(*row) for row in rows]


async def lock_role(connection: Connection, account_id: str, event_id: str) -> SaleRole | None:
    """A person's role in a sale, locked until the transaction ends."""
    role: SaleRole | None = await connection.fetchval(
        "SELECT sale_role FROM sale_grants WHERE account_id = $1 AND event_id = $2 FOR UPDATE",
        *(account_id, event_id),
    )
    return role


async def give(connection: Connection, account_id: str, event_id: str, role: SaleRole, by: str) -> bool:
    """Grant a role in a sale, replacing an earlier one; False: the sale has the maximum number of people."""
    done = await connection.execute(
        "INSERT INTO sale_grants (account_id, event_id, sale_role, granted_by) "
        "SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM sale_grants WHERE event_id = $2) < $5 "
        "OR EXISTS (SELECT FROM sale_grants WHERE account_id = $1 AND event_id = $2) "
        "ON CONFLICT (account_id, event_id) DO UPDATE SET sale_role = $3, granted_by = $4, "
        "granted_at = now()",
        *(account_id, event_id, role, by, OF_EVENT_MAX),
    )
    return done == "INSERT 0 1"


async def revoke(connection: Connection, account_id: str, event_id: str) -> None:
    """Revoke the role."""
    await connection.execute(
        "DELETE FROM sale_grants WHERE account_id = $1 AND event_id = $2", account_id, event_id
    )
