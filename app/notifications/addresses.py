"""Mailboxes: where a visitor can be reached, and adding a guest's reservation to the account of the
mailbox."""

from __future__ import annotations

import time

from app import logs, metrics
from app.core.account import Account
from app.core.errors import Conflict, CredentialInvalid, ValidationFailed, WrongAccount
from app.core.model import Reservation, ReservationId, RoomId, VisitorId
from app.core.notifications.email import ClaimSigner, Traces, normalised
from app.store.away import stores_answer
from app.store.connections import POSTGRES_AWAY, Stores
from app.store.sql.accounts import accounts
from app.store.sql.notifications import mailboxes
from app.store.sql.notifications.mailboxes import Mailbox, NewMailbox, PendingAddress
from app.store.sql.reservations import reservations


async def save(stores: Stores, new: NewMailbox) -> None:
    """Send e-mails to this address once it is confirmed; until then only a confirmation goes there.

    A place in the queue is worth more than an e-mail: while Postgres is unavailable the join succeeds anyway,
    and joining again with the address stores it.
    """
    try:
        await mailboxes.save(stores.postgres, new)
    except POSTGRES_AWAY as error:
        _log_not_stored(error)


async def request_confirmation(stores: Stores, new: NewMailbox) -> None:
    """Like `save`, for a visitor who needs a confirmed address to join. Raises StoreUnavailable."""
    with stores_answer():
        await mailboxes.save(stores.postgres, new)


async def keep_of_account(stores: Stores, traces: Traces, new: NewMailbox) -> None:
    """Send e-mails to the account's address, if it has one, unless the visitor left another."""
    try:
        if new.account_id is None or await mailboxes.of_visitor(stores.postgres, *new[:2]) is not None:
            return
        address = await mailboxes.of_account(stores.postgres, new.account_id)
        if address is not None:
            email, confirmed = address
            recipient = traces.recipient(email)
            await mailboxes.save(
                stores.postgres, new._replace(email=email, confirmed=confirmed, recipient=recipient)
            )
    except POSTGRES_AWAY as error:
        _log_not_stored(error)


async def of_visitor(stores: Stores, room_id: RoomId, visitor_id: VisitorId) -> Mailbox | None:
    """The visitor's e-mail address, or None. Raises StoreUnavailable."""
    with stores_answer():
        return await mailboxes.of_visitor(stores.postgres, room_id, visitor_id)


async def of_link(stores: Stores, token: str) -> PendingAddress | None:
    """The address that this link confirms; None if it is no longer valid. Raises StoreUnavailable."""
    with stores_answer():
        return await mailboxes.of_token(stores.postgres, token)


async def confirm(stores: Stores, token: str) -> tuple[RoomId, VisitorId] | None:
    """Confirm the address, which can be repeated. Returns its owner, or None if the link is no longer
    valid."""
    with stores_answer():
        return await mailboxes.confirm(stores.postgres, token)


async def confirm_by_code(stores: Stores, room_id: RoomId, visitor_id: VisitorId, code: str) -> None:
    """Confirm it with the code in the e-mail. Raises ValidationFailed."""
    with stores_answer():
        token = await mailboxes.token_of_code(stores.postgres, room_id, visitor_id, code)
        if token is None or await mailboxes.confirm(stores.postgres, token) is None:
            raise ValidationFailed(
                "code", "is not the code in our e-mail, or too many were tried; use its link instead"
            )


async def forget(stores: Stores, room_id: RoomId, visitor_id: VisitorId) -> None:
    """Delete the address and the e-mails to it; repeating it changes nothing. Raises StoreUnavailable."""
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
    """Add a guest's reservation to this account; repeating it changes nothing.

    `link` is the expiry (s) and the signature of the link in the e-mail. Raises CredentialInvalid,
    WrongAccount, Conflict, StoreUnavailable.
    """
    exp, signature = link
    with stores_answer():
        address = await mailboxes.of_reservation(stores.postgres, reservation_id)
        if address is None or not signer.is_good(signature, reservation_id, address.email, exp):
            raise CredentialInvalid("This link is not valid.")
        if exp <= time.time():
            raise CredentialInvalid("This link has expired.")
        registered = await accounts.select_account(stores.postgres, account.subject)
        if registered is None or registered.email != normalised(address.email):
            raise WrongAccount("Log in with the account of the e-mail address this link was sent to.")
        if not address.guest or not await mailboxes.claim(stores.postgres, reservation_id, account.subject):
            raise Conflict("The reservation belongs to another account.")
        claimed = await reservations.fetch_one(stores.postgres, reservation_id)
    assert claimed is not None
    return claimed


def _log_not_stored(error: Exception) -> None:
    metrics.STORE_FAILURES.labels("mailbox").inc()
    logs.get(__name__).warning("an e-mail address was not stored", why=repr(error))
