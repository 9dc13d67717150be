"""Resets forgotten passwords: by a link in an e-mail, or set by whoever runs the installation."""

from __future__ import annotations

import secrets

from app import audit
from app.accounts.passwords import Passwords, refuse_common
from app.audit import Entity
from app.core.account import Author, RegisteredAccount
from app.core.accounts.password_resets import ResetSigner, digest
from app.core.clock import now_ms
from app.core.errors import CredentialInvalid, NotFound
from app.core.notifications.email import Traces, mailbox, normalised
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql.accounts import accounts, password_resets, sign_ins
from app.store.sql.accounts.password_resets import ResetRequest

TOKEN_MAX = 100


async def request_link(
    stores: Stores, signer: ResetSigner, traces: Traces, email: str, *, network: str, locale: str
) -> None:
    """E-mail a reset link to the account with this address, without revealing whether there is one.

    Limited to three a day per address, and twenty an hour per network that asks.
    Raises ValidationFailed, StoreUnavailable.
    """
    reset_id, to = secrets.token_urlsafe(16), mailbox(email).lower()
    reset_request = ResetRequest(
        digest(signer.token(reset_id)), reset_id, to, locale, traces.recipient(to), traces.client(network)
    )
    with stores_answer():
        await password_resets.insert_request(stores.postgres, reset_request)


async def is_valid(stores: Stores, token: str) -> bool:
    """Whether a link is still valid. Raises StoreUnavailable."""
    with stores_answer():
        return len(token) <= TOKEN_MAX and await password_resets.is_valid(stores.postgres, digest(token))


async def reset(stores: Stores, passwords: Passwords, token: str, new: str, request_id: str) -> None:
    """Set a new password for the account of a link, which ends its sign-ins and access tokens. A link works
    once.

    Raises CredentialInvalid, ValidationFailed (`new_password`), BacklogFull, StoreUnavailable.
    """
    refuse_common(new, "new_password")
    over = CredentialInvalid("This link was already used, or has expired. Ask for a new one.")
    if not await is_valid(stores, token):  # checked before the costly hash
        raise over
    with stores_answer():
        password_hash = await passwords.hash(new)
        async with stores.postgres.acquire() as connection, connection.transaction():
            account_id = await password_resets.use(connection, digest(token))
            registered = await accounts.lock_one(connection, account_id) if account_id else None
            if registered is None:
                raise over
            await password_resets.confirm_email(connection, registered.account_id)
            by = Author(subject=registered.account_id, role=registered.role, request_id=request_id)
            await _replace(connection, registered, password_hash, "reset password", by)


async def set_password(
    stores: Stores, passwords: Passwords, email: str, new: str, *, by: Author
) -> RegisteredAccount:
    """Set a new password for the account with this e-mail address. Raises NotFound, ValidationFailed."""
    refuse_common(new)
    with stores_answer():
        password_hash = await passwords.hash(new)
        async with stores.postgres.acquire() as connection, connection.transaction():
            registered = await accounts.lock_by_email(connection, normalised(email))
            if registered is None:
                raise NotFound("No account has this e-mail address.")
            await password_resets.forget(connection, registered.account_id)
            await _replace(connection, registered, password_hash, "set password", by)
    return registered


async def _replace(
    connection: Connection, registered: RegisteredAccount, password_hash: str, action: str, by: Author
) -> None:
    await accounts.change_password(
        connection, registered.account_id, registered.password_hash, password_hash, now_ms()
    )
    await sign_ins.delete_of(connection, registered.account_id)
    if by.role != "user":  # the audit log records only what staff do
        entity = Entity("account", registered.account_id)
        await audit.record(connection, by, action, entity, after={"password": "replaced"})
