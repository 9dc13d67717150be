"""Tickets given away to somebody else.

Until the offer is accepted, the ticket is the buyer's; then it gets a new code, sent only to the new holder.
The buyer's code becomes void, and the door can say why.
"""

from __future__ import annotations

import secrets

from app.core.accounts.password_resets import digest
from app.core.errors import Conflict, CredentialInvalid
from app.core.model import Reservation
from app.core.notifications.email import Traces, mailbox
from app.core.tokens.order_rights import OrderSigner
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.notifications import mail_queue
from app.store.sql.reservations import transfers
from app.store.sql.reservations.transfers import HeldTicket, Offer

TOKEN_MAX = 100
OVER = "This offer is no longer valid."


async def offer(
    stores: Stores,
    signer: OrderSigner,
    traces: Traces,
    reservation: Reservation,
    ticket_id: str,
    email: str,
    locale: str,
) -> None:
    """Offer a ticket of this reservation to an address.

    Raises ValidationFailed (`email`), Conflict, StoreUnavailable.
    """
    to, transfer_id = mailbox(email), secrets.token_urlsafe(16)
    token_hash = digest(signer.confirmation_token(transfer_id))
    new = Offer(
        transfer_id, token_hash, reservation.reservation_id, ticket_id, to, "", locale, traces.recipient(to)
    )
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            await transfers.drop_over(connection, ticket_id)
            if not await transfers.offer(connection, new):
                raise Conflict("This ticket cannot be offered now.")


async def withdraw(stores: Stores, reservation: Reservation, ticket_id: str) -> None:
    """Withdraw an offer, unless it was accepted. Raises StoreUnavailable."""
    with stores_answer():
        await transfers.withdraw(stores.postgres, reservation.reservation_id, ticket_id)


async def offers_of(stores: Stores, reservation: Reservation) -> dict[str, str]:
    """Return to whom tickets of the reservation are offered, by ticket id. Raises StoreUnavailable."""
    with stores_answer():
        return await transfers.offers_of(stores.postgres, reservation.reservation_id)


async def find_offer(stores: Stores, token: str) -> HeldTicket | None:
    """Return the ticket of an offer, or None if the offer is no longer valid. Raises StoreUnavailable."""
    with stores_answer():
        return await transfers.offered(stores.postgres, digest(token)) if len(token) <= TOKEN_MAX else None


async def accept(stores: Stores, token: str, locale: str) -> str:
    """Accept an offered ticket, notify both people, and return the transfer id. Raises CredentialInvalid."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            transfer_id = None
            if len(token) <= TOKEN_MAX:
                transfer_id = await transfers.accept(connection, digest(token))
            if transfer_id is None:
                raise CredentialInvalid(OVER)
            await transfers.queue_ticket_mail(connection, transfer_id, locale)
            await mail_queue.queue_of_transfer(connection, transfer_id)
    return transfer_id


async def find_held(stores: Stores, transfer_id: str) -> HeldTicket | None:
    """Return the ticket of a transfer, or None if it is no longer valid. Raises StoreUnavailable."""
    with stores_answer():
        return await transfers.held(stores.postgres, transfer_id)
