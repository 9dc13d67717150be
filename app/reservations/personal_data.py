"""Personal data stored under a fan's e-mail address: exporting and deleting it. A link sent there proves
ownership."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from app.core.accounts.password_resets import digest
from app.core.errors import CredentialInvalid
from app.reservations.ticket_links import TOKEN_MAX
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.reservations import personal_data, ticket_links

OVER = "This link was already used, or has expired. Ask for a new one."


async def of_link(stores: Stores, token: str) -> bytes:
    """Return all data stored under the address of a link, as JSON; the link stays valid. Raises
    CredentialInvalid."""
    with stores_answer():
        email = (
            await personal_data.email_of(stores.postgres, digest(token)) if len(token) <= TOKEN_MAX else None
        )
        if email is None:
            raise CredentialInvalid(OVER)
        data = await personal_data.select_all(stores.postgres, email)
    return msgspec.json.encode({"email": email, "as_of": datetime.now(UTC), **data})


async def forget(stores: Stores, token: str) -> None:
    """Delete the personal data of a link's address, and use up the link.

    Payments and valid tickets remain, but no longer show whose they are. Raises CredentialInvalid.
    """
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            email = await ticket_links.use(connection, digest(token)) if len(token) <= TOKEN_MAX else None
            if email is None:
                raise CredentialInvalid(OVER)
            await personal_data.forget(connection, email)
