"""Mailboxes: where a visitor can be reached; a guest's reservation, taken over by the mailbox's account."""

from __future__ import annotations

import time

from app import log, metrics
from app.core.errors import Conflict, CredentialInvalid, WrongAccount
from app.core.mail import ClaimSigner, normalised
from app.core.model import Account, Reservation, ReservationId, RoomId, VisitorId
from app.loading import stores_answer
from app.store import accounts, mailboxes, reservations
from app.store.connections import POSTGRES_AWAY, Stores


async def keep(
    stores: Stores, room_id: RoomId, visitor_id: VisitorId, email: str, *, locale: str, guest: bool
) -> None:
    """Write to this address from now on. A place in line is worth more than mail: while Postgres is away the
    join goes through all the same, and who joins again with the address has it kept."""
    try:
        await mailboxes.keep(stores.postgres, room_id, visitor_id, email, locale=locale, guest=guest)
    except POSTGRES_AWAY as error:
        _not_kept(error)


async def keep_of_account(
    stores: Stores, room_id: RoomId, visitor_id: VisitorId, account: Account, *, locale: str
) -> None:
    """Write to the e-mail of the account, if it has one, unless the visitor left another."""
    try:
        await mailboxes.keep_of_account(stores.postgres, room_id, visitor_id, account.subject, locale=locale)
    except POSTGRES_AWAY as error:
        _not_kept(error)


async def forget(stores: Stores, room_id: RoomId, visitor_id: VisitorId) -> None:
    """Write no more, and forget what was written; a second time changes nothing. Raises StoreUnavailable."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            await mailboxes.delete(connection, room_id, visitor_id)


async def claim(
    stores: Stores,
    signer: ClaimSigner,
    account: Account,
    reservation_id: ReservationId,
    link: tuple[int, str],
) -> Reservation:
    """The reservation of a guest belongs to this account, too, from now on; also the second time.

    `link` is the end (s) and the signature of the link that was mailed. Raises CredentialInvalid,
    WrongAccount, Conflict, StoreUnavailable.
    """
    exp, signature = link
    with stores_answer():
        found = await mailboxes.of_reservation(stores.postgres, reservation_id)
        if found is None or not signer.is_good(signature, reservation_id, found.email, exp):
            raise CredentialInvalid("This link is not one of ours.")
        if exp <= time.time():
            raise CredentialInvalid("This link has run out.")
        theirs = await accounts.select_account(stores.postgres, account.subject)
        if theirs is None or theirs.email != normalised(found.email):
            raise WrongAccount("Log in with the account of the e-mail address this link was sent to.")
        if not found.guest or not await mailboxes.claim(stores.postgres, reservation_id, account.subject):
            raise Conflict("The reservation belongs to another account.")
        claimed = await reservations.fetch_one(stores.postgres, reservation_id)
    assert claimed is not None
    return claimed


def _not_kept(error: Exception) -> None:
    metrics.STORE_FAILURES.labels("mailbox").inc()
    log.get(__name__).warning("a mailbox was not kept", why=repr(error))
