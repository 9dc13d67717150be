"""Deactivates accounts of people who have left, keeping their history, and activates them again."""

from __future__ import annotations

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.clock import now_ms
from app.core.errors import Conflict, NotFound
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql.accounts import accounts, api_keys, password_resets, sign_ins


async def _revoke_keys(connection: Connection, account_id: str, by: Author) -> None:
    """Revoke the keys that an account created, and the keys created with those."""
    for key_id, name in await api_keys.revoke_of(connection, account_id):
        entity, before = Entity("api_key", key_id), {"name": name, "revoked": False}
        await audit.record(connection, by, "revoke", entity, before=before, after={"revoked": True})


async def set_active(stores: Stores, account_id: str, *, active: bool, by: Author) -> None:
    """Deactivate an account, or activate it again.

    Deactivating signs it out everywhere, ends its access tokens and revokes its API keys permanently; it can
    then neither sign in nor use its rights. Raises NotFound, and Conflict if no admin would be left.
    """
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            admins = await accounts.lock_admins(connection)
            before = await accounts.lock_one(connection, account_id)
            if before is None:
                raise NotFound("There is no such account.")
            if not active and admins == [account_id]:
                raise Conflict("This is the last admin: make somebody else an admin first.")
            was = before.deactivated_at is None
            if was == active:
                return
            await accounts.set_active(connection, account_id, active=active, since_ms=now_ms())
            if not active:
                await sign_ins.delete_of(connection, account_id)
                await password_resets.forget(connection, account_id)
                await _revoke_keys(connection, account_id, by)
            action, entity = "activate" if active else "deactivate", Entity("account", account_id)
            await audit.record(
                connection, by, action, entity, before={"active": was}, after={"active": active}
            )
