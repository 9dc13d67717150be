"""Rights in single sales: who has which, giving and taking them. What each allows is in `core/rights.py`."""

from __future__ import annotations

from app import audit
from app.audit import Thing
from app.core.account import Account, Author
from app.core.email import normalised
from app.core.errors import Conflict, NotFound
from app.core.rights import Grants, SaleRole
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql import accounts, sale_grants
from app.store.sql.sale_grants import Granted

FULL = "This sale has as many people as it can have."


async def grants_of(stores: Stores, account: Account) -> Grants:
    """What an account may do in single sales; an API key nothing beside its own rights."""
    if account.key is not None:
        return Grants()
    with stores_answer():
        return Grants(await sale_grants.of_account(stores.postgres, account.subject))


async def people_of(stores: Stores, event_id: str) -> list[Granted]:
    """Who has a role in the sale of this event, by name."""
    with stores_answer():
        return await sale_grants.of_event(stores.postgres, event_id)


async def works_here(stores: Stores, email: str) -> str | None:
    """The account with this e-mail, if it is one of staff or has rights in a sale; else None.

    Others have to be invited: anybody may have registered the address.
    """
    with stores_answer():
        found = await accounts.select_by_email(stores.postgres, normalised(email))
        if found is None or found.deactivated_at is not None:
            return None
        known = found.role != "user" or await sale_grants.of_account(stores.postgres, found.account_id)
    return found.account_id if known else None


async def give(stores: Stores, account_id: str, event_id: str, role: SaleRole, *, by: Author) -> None:
    """Give an account a role in a sale, instead of the one it has there. Raises NotFound, Conflict."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            found = await accounts.lock_one(connection, account_id)
            if found is None or found.deactivated_at is not None:
                raise NotFound("There is no such account.")
            before = await sale_grants.lock_role(connection, account_id, event_id)
            if not await sale_grants.give(connection, account_id, event_id, role, by.subject):
                raise Conflict(FULL)
            thing, was = Thing("sale_right", f"{event_id}/{account_id}"), {"sale_role": before}
            after = {"sale_role": role}
            await audit.record(connection, by, "give", thing, before=was if before else None, after=after)


async def take(stores: Stores, account_id: str, event_id: str, *, by: Author) -> None:
    """Take an account's role in a sale away; a second time changes nothing."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            before = await sale_grants.lock_role(connection, account_id, event_id)
            if before is None:
                return
            await sale_grants.take(connection, account_id, event_id)
            thing = Thing("sale_right", f"{event_id}/{account_id}")
            await audit.record(connection, by, "take", thing, before={"sale_role": before})
