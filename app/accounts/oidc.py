"""Maps users of an OpenID Connect provider to accounts."""

from __future__ import annotations

import secrets
from typing import NamedTuple

import msgspec

from app import audit
from app.accounts.accounts import new_account_id
from app.accounts.passwords import Passwords
from app.audit import Thing
from app.core.account import Author, RegisteredAccount
from app.core.email import normalised
from app.core.errors import RoleRequired
from app.core.model import Role
from app.core.oidc import Identity, is_of_domains, role_of
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql import accounts, oidc_identities

NOT_HERE = "You have no account here. Ask an admin to invite you."
NO_GROUP = "None of your groups at the provider has a role here."
NO_EMAIL = "The provider has not verified your e-mail address, or its domain is not allowed here."


class Rules(NamedTuple):
    """Who may sign in through the provider, and with which role. `create`: whether to create accounts."""

    domains: list[str]
    roles: dict[str, Role]
    create: bool


async def account_of(
    stores: Stores, passwords: Passwords, it: Identity, rules: Rules, *, request_id: str
) -> RegisteredAccount:
    """The account of a user of the provider, with the role of their groups.

    It is found by the user's identity there, the first time by their verified e-mail address, and created if
    there is none and the rules allow it. Raises RoleRequired.
    """
    role = role_of(it.groups, rules.roles)
    if rules.roles and role is None:
        raise RoleRequired(NO_GROUP)
    if not it.email or not is_of_domains(it.email, rules.domains):
        raise RoleRequired(NO_EMAIL)
    with stores_answer():
        unknown = await passwords.hash(secrets.token_urlsafe(32)) if rules.create else ""
        async with stores.postgres.acquire() as connection, connection.transaction():
            found = await _known(connection, it)
            if found is None and rules.create and role is not None:
                found = await _made(connection, it, role, unknown, request_id)
            if found is None or found.deactivated_at is not None:
                raise RoleRequired(NOT_HERE)
            await oidc_identities.link(connection, it.issuer, it.subject, found.account_id)
            return await _with_role(connection, found, role, request_id)


async def _known(connection: Connection, it: Identity) -> RegisteredAccount | None:
    account_id = await oidc_identities.account_of(connection, it.issuer, it.subject)
    if account_id is not None:
        return await accounts.lock_one(connection, account_id)
    found = await accounts.lock_by_email(connection, normalised(it.email))
    # An account without a staff role may have been registered by anybody using that address.
    return None if found is not None and found.role == "user" else found


async def _made(
    connection: Connection, it: Identity, role: Role, password_hash: str, request_id: str
) -> RegisteredAccount | None:
    email, name = normalised(it.email), it.name[:200] or it.email
    made = await accounts.insert_account(
        *(connection, new_account_id()), email=email, name=name, password_hash=password_hash, role=role
    )
    if made is not None:
        by, thing = Author(made.account_id, role, request_id), Thing("account", made.account_id)
        after = {"email": email, "name": name, "role": role, "provider": it.issuer}
        await audit.record(connection, by, "create", thing, after=after)
    return made


async def _with_role(
    connection: Connection, found: RegisteredAccount, role: Role | None, request_id: str
) -> RegisteredAccount:
    if role is None or role == found.role:
        return found
    after = msgspec.structs.replace(found, role=role)
    await accounts.update_terms(connection, after)
    by, thing = Author(found.account_id, role, request_id), Thing("account", found.account_id)
    before, now = {"role": found.role}, {"role": role}
    await audit.record(connection, by, "role by provider", thing, before=before, after=now)
    return after
