"""Maps users of an OpenID Connect provider to accounts."""

from __future__ import annotations

import secrets
from typing import NamedTuple

import msgspec

from app import audit
from app.accounts.accounts import new_account_id
from app.accounts.passwords import Passwords
from app.audit import Entity
from app.core.account import Author, RegisteredAccount
from app.core.accounts.oidc import Identity, is_of_domains, role_of
from app.core.errors import RoleRequired
from app.core.model import Role
from app.core.notifications.email import normalised
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql.accounts import accounts, oidc_identities

NOT_HERE = "You have no account here. Ask an admin to invite you."
NO_GROUP = "None of your groups at the provider has a role here."
NO_EMAIL = "The provider has not verified your e-mail address, or its domain is not allowed here."


class Rules(NamedTuple):
    """Who may sign in through the provider, and with which role. `create`: whether to create accounts."""

    domains: list[str]
    roles: dict[str, Role]
    create: bool


async def account_of(
    stores: Stores, passwords: Passwords, identity: Identity, rules: Rules, *, request_id: str
) -> RegisteredAccount:
    """The account of a user of the provider, with the role of their groups.

    It is found by the user's identity there, the first time by their verified e-mail address, and created if
    there is none and the rules allow it. Raises RoleRequired.
    """
    role = role_of(identity.groups, rules.roles)
    if rules.roles and role is None:
        raise RoleRequired(NO_GROUP)
    if not identity.email or not is_of_domains(identity.email, rules.domains):
        raise RoleRequired(NO_EMAIL)
    with stores_answer():
        unknown = await passwords.hash(secrets.token_urlsafe(32)) if rules.create else ""
        async with stores.postgres.acquire() as connection, connection.transaction():
            registered = await _existing_account(connection, identity)
            if registered is None and rules.create and role is not None:
                registered = await _new_account(connection, identity, role, unknown, request_id)
            if registered is None or registered.deactivated_at is not None:
                raise RoleRequired(NOT_HERE)
            await oidc_identities.link(connection, identity.issuer, identity.subject, registered.account_id)
            return await _with_role(connection, registered, role, request_id)


async def _existing_account(connection: Connection, identity: Identity) -> RegisteredAccount | None:
    account_id = await oidc_identities.account_of(connection, identity.issuer, identity.subject)
    if account_id is not None:
        return await accounts.lock_one(connection, account_id)
    registered = await accounts.lock_by_email(connection, normalised(identity.email))
    # An account without a staff role may have been registered by anybody using that address.
    return None if registered is not None and registered.role == "user" else registered


async def _new_account(
    connection: Connection, identity: Identity, role: Role, password_hash: str, request_id: str
) -> RegisteredAccount | None:
    email, name = normalised(identity.email), identity.name[:200] or identity.email
    registered = await accounts.insert_account(
        *(connection, new_account_id()), email=email, name=name, password_hash=password_hash, role=role
    )
    if registered is not None:
        by, entity = Author(registered.account_id, role, request_id), Entity("account", registered.account_id)
        after = {"email": email, "name": name, "role": role, "provider": identity.issuer}
        await audit.record(connection, by, "create", entity, after=after)
    return registered


async def _with_role(
    connection: Connection, registered: RegisteredAccount, role: Role | None, request_id: str
) -> RegisteredAccount:
    if role is None or role == registered.role:
        return registered
    after = msgspec.structs.replace(registered, role=role)
    await accounts.update_terms(connection, after)
    by, entity = Author(registered.account_id, role, request_id), Entity("account", registered.account_id)
    before, now = {"role": registered.role}, {"role": role}
    await audit.record(connection, by, "role by provider", entity, before=before, after=now)
    return after
