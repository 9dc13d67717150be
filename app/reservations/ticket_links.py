"""Tickets on another device: a link sent to the buyer's address, valid once and for 15 minutes."""

from __future__ import annotations

import secrets

from app.core.accounts.password_resets import digest
from app.core.errors import CredentialInvalid
from app.core.notifications.email import Traces, mailbox
from app.core.tokens.order_rights import ORDERS_MAX, OrderSigner
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.reservations import buyers, ticket_links
from app.store.sql.reservations.ticket_links import LinkRequest

TOKEN_MAX = 100


async def request_link(
    stores: Stores, signer: OrderSigner, traces: Traces, email: str, *, network: str, locale: str
) -> None:
    """E-mail a link to this address; nothing reveals whether anything was bought with it.

    At most three a day are sent to an address, and twenty an hour per requesting network. Raises
    ValidationFailed, StoreUnavailable.
    """
    link_id, to = secrets.token_urlsafe(16), mailbox(email)
    link_request = LinkRequest(
        digest(signer.confirmation_token(link_id)),
        link_id,
        to,
        locale,
        traces.recipient(to),
        traces.client(network),
    )
    with stores_answer():
        await ticket_links.insert_request(stores.postgres, link_request)


async def is_valid(stores: Stores, token: str) -> bool:
    """Whether a link is still valid. Raises StoreUnavailable."""
    with stores_answer():
        return len(token) <= TOKEN_MAX and await ticket_links.is_valid(stores.postgres, digest(token))


async def use(stores: Stores, token: str) -> list[str]:
    """Use up a link and return the ids of its reservations, newest first. Raises CredentialInvalid."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            email = await ticket_links.use(connection, digest(token)) if len(token) <= TOKEN_MAX else None
            if email is None:
                raise CredentialInvalid("This link was already used, or has expired. Ask for a new one.")
            return await buyers.reservations_of(connection, email, ORDERS_MAX)
