"""Grants and revokes roles in single sales. What each role allows is in `core/accounts/rights.py`."""

from __future__ import annotations

from app import audit
from app.audit import Entity
from app.core.account import Account, Author
from app.core.accounts.rights import Grants, SaleRole
from app.core.errors import Conflict, NotFound
from app.core.notifications.email import normalised
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.accounts import accounts, sale_grants
from app.store.sql.accounts.sale_grants import GrantedPerson

FULL = "This sale already has the maximum number of people."


async def grants_of(stores: Stores, account: Account) -> Grants:
    """The roles of an account in single sales. An API key has none: its own rights say all it may do."""
    if account.key is not None:
        return Grants()
    with stores_answer():
        return Grants(await sale_grants.of_account(stores.postgres, account.subject))


async def people_of(stores: Stores, event_id: str) -> list[GrantedPerson]:
    """Those who have a role in the sale of this event, by name."""
    with stores_answer():
        return await sale_grants.of_event(stores.postgres, event_id)


async def staff_account_id(stores: Stores, email: str) -> str | None:
    """The id of the account with this e-mail address if it is staff or has a role in a sale, else None.

    Others have to be invited, because anybody could have registered with the address.
    """
    with stores_answer():
        registered = await accounts.select_by_email(stores.postgres, normalised(email))
        if registered is None or registered.deactivated_at is not None:
            return None
        is_staff = registered.role != "user" or await sale_grants.of_account(
            stores.postgres, registered.account_id
        )
    return registered.account_id if is_staff else None


async def give(stores: Stores, account_id: str, event_id: str, role: SaleRole, *, by: Author) -> None:
    """Give an account a role in a sale, replacing the one it has there. Raises NotFound, Conflict."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            registered = await accounts.lock_one(connection, account_id)
            if registered is None or registered.deactivated_at is not None:
                raise NotFound("There is no such account.")
            before = await sale_grants.lock_role(connection, account_id, event_id)
            if not await sale_grants.give(connection, account_id, event_id, role, by.subject):
                raise Conflict(FULL)
            entity, was = Entity("sale_right", f"{event_id}/{account_id}"), {"sale_role": before}
            after = {"sale_role": role}
            await audit.record(connection, by, "give", entity, before=was if before else None, after=after)


async def revoke(stores: Stores, account_id: str, event_id: str, *, by: Author) -> None:
    """Revoke an account's role in a sale. Repeating it changes nothing."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            before = await sale_grants.lock_role(connection, account_id, event_id)
            if before is None:
                return
            await sale_grants.revoke(connection, account_id, event_id)
            entity = Entity("sale_right", f"{event_id}/{account_id}")
            await audit.record(connection, by, "take", entity, before={"sale_role": before})
