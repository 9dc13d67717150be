"""Invites staff by a link to choose a password or add a passkey, valid once within 72 hours.

The role is granted only when the link is used: to the person who reads the mailbox, not to somebody who once
registered with that address.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from app import audit
from app.accounts.accounts import new_account_id
from app.accounts.passwords import Passwords, refuse_common
from app.accounts.sale_rights import FULL
from app.audit import Entity
from app.core.account import Author, RegisteredAccount
from app.core.accounts.invitations import InvitationSigner
from app.core.accounts.password_resets import digest
from app.core.accounts.rights import SaleRole
from app.core.clock import now_ms
from app.core.errors import Conflict, CredentialInvalid, NotFound
from app.core.model import Role
from app.core.notifications.email import mailbox
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql.accounts import (
    accounts,
    invitations,
    password_resets,
    sale_grants,
    second_factors,
    sign_ins,
)
from app.store.sql.accounts.invitations import Invitation

LISTED_MAX = 100
TOKEN_MAX = 100
OVER = "This invitation was already used, was withdrawn, or has expired. Ask for a new one."


class Invitee(NamedTuple):
    """Whom to invite, and to what: a role of the installation, or a role in the sale of an event."""

    email: str
    name: str
    role: Role = "user"
    event_id: str | None = None
    sale_role: SaleRole | None = None


async def invite(stores: Stores, signer: InvitationSigner, new: Invitee, *, mails: bool, by: Author) -> str:
    """Invite somebody. Returns the token of their link, which is also e-mailed if `mails` is set.

    Raises ValidationFailed (`email`), Conflict.
    """
    invitation_id, email = secrets.token_urlsafe(16), mailbox(new.email).lower()
    token, now = signer.token(invitation_id), datetime.now(UTC)
    row = Invitation(
        invitation_id, email, new.name, new.role, new.event_id, new.sale_role, by.subject, now, now
    )
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            if not await invitations.insert(connection, digest(token), row):
                raise Conflict("Too many invitations are open: withdraw those that are not needed.")
            if mails:
                await invitations.queue_mail(connection, invitation_id)
            await audit.record(connection, by, "invite", Entity("account", email), after=_fields(row))
    return token


async def of_token(stores: Stores, token: str) -> Invitation | None:
    """The invitation of a link, None if it is no longer valid. Raises StoreUnavailable."""
    if len(token) > TOKEN_MAX:
        return None
    with stores_answer():
        return await invitations.select(stores.postgres, digest(token))


async def accept(
    stores: Stores, passwords: Passwords, token: str, *, name: str, password: str | None, request_id: str
) -> tuple[RegisteredAccount, bool]:
    """Accept an invitation with this password, or with a random one if it is None (for a passkey).

    Returns the account, and whether its user may be signed in at once: if it is new, or was not staff and has
    no second factor. The password of an existing account is replaced and its sign-ins end if `password` is
    given or it was not staff: anybody could have registered with the address of somebody who becomes staff
    later. Raises CredentialInvalid, ValidationFailed (`new_password`), Conflict, BacklogFull.
    """
    if password is not None:
        refuse_common(password, "new_password")
    if await of_token(stores, token) is None:  # checked before the costly hash
        raise CredentialInvalid(OVER)
    with stores_answer():
        password_hash = await passwords.hash(password or secrets.token_urlsafe(32))
        async with stores.postgres.acquire() as connection, connection.transaction():
            invitation = await invitations.use(connection, digest(token))
            if invitation is None:
                raise CredentialInvalid(OVER)
            registered, at_once = await _account(
                connection, invitation, name, password_hash, replace=password is not None
            )
            await password_resets.confirm_email(connection, registered.account_id)
            if invitation.event_id and invitation.sale_role:
                granted = await sale_grants.give(
                    connection,
                    registered.account_id,
                    invitation.event_id,
                    invitation.sale_role,
                    invitation.invited_by,
                )
                if not granted:
                    raise Conflict(FULL)
            by = Author(subject=registered.account_id, role=registered.role, request_id=request_id)
            entity = Entity("account", registered.account_id)
            await audit.record(connection, by, "accept invitation", entity, after=_fields(invitation))
    return registered, at_once


async def withdraw(stores: Stores, invitation_id: str, *, event_id: str | None = None, by: Author) -> None:
    """Withdraw an invitation; with `event_id` only one for that event. Raises NotFound."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            invitation = await invitations.withdraw(connection, invitation_id, event_id)
            if invitation is None:
                raise NotFound("There is no such invitation.")
            entity = Entity("account", invitation.email)
            await audit.record(connection, by, "withdraw invitation", entity, before=_fields(invitation))


async def list_open(stores: Stores, event_id: str | None = None) -> list[Invitation]:
    """The invitations that are not used yet, newest first: for one event, or all."""
    with stores_answer():
        return await invitations.select_open(stores.postgres, event_id, LISTED_MAX)


async def _account(
    connection: Connection, invitation: Invitation, name: str, password_hash: str, *, replace: bool
) -> tuple[RegisteredAccount, bool]:
    registered = await accounts.insert_account(
        *(connection, new_account_id()),
        email=invitation.email,
        name=name,
        password_hash=password_hash,
        role=invitation.role,
    )
    if registered is not None:
        return registered, True
    before = await accounts.lock_by_email(connection, invitation.email)
    assert before is not None
    if before.deactivated_at is not None:
        raise Conflict("This account is deactivated. Ask an admin to activate it again.")
    role = invitation.role if before.role == "user" else before.role  # an invitation never lowers a role
    password = password_hash if replace or before.role == "user" else before.password_hash
    after = msgspec.structs.replace(before, role=role, password_hash=password)
    await accounts.update_terms(connection, after)
    if password != before.password_hash:
        await accounts.change_password(connection, after.account_id, password, password, now_ms())
        await sign_ins.delete_of(connection, after.account_id)
    has = await second_factors.select_factors(connection, after.account_id)
    return after, before.role == "user" and not (has.codes or has.passkeys)


def _fields(invitation: Invitation) -> dict[str, str]:
    sale = (
        {"event_id": invitation.event_id, "sale_role": invitation.sale_role}
        if invitation.event_id and invitation.sale_role
        else {}
    )
    return {"email": invitation.email, "role": invitation.role, **sale}
