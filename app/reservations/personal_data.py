"""What is known of a fan by their address: as a file, and forgetting it. The link of a mail proves whose it
is."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from app.core.errors import CredentialInvalid
from app.core.password_resets import digest
from app.reservations.ticket_links import TOKEN_MAX
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql import personal_data, ticket_links

OVER = "This link was already used, or has expired. Ask for a new one."


async def of_link(stores: Stores, token: str) -> bytes:
    """All that is known by the address of a link, as JSON; the link stays good. Raises CredentialInvalid."""
    with stores_answer():
        email = (
            await personal_data.email_of(stores.postgres, digest(token)) if len(token) <= TOKEN_MAX else None
        )
        if email is None:
            raise CredentialInvalid(OVER)
        known = await personal_data.select_known(stores.postgres, email)
    return msgspec.json.encode({"email": email, "as_of": datetime.now(UTC), **known})


async def forget(stores: Stores, token: str) -> None:
    """Forget whoever has the address of a link, which is used up. What was paid, and which tickets are valid,
    stays; nobody knows any more whose they are. Raises CredentialInvalid."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            email = await ticket_links.use(connection, digest(token)) if len(token) <= TOKEN_MAX else None
            if email is None:
                raise CredentialInvalid(OVER)
            await personal_data.forget(connection, email)
