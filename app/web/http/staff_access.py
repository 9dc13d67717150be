"""Credentials of calls by accounts and staff."""

from __future__ import annotations

import msgspec

from app.accounts import accounts, sale_rights
from app.core.account import Account, Author
from app.core.accounts.scopes import Scope
from app.core.errors import (
    BookingTokenExpired,
    CredentialInvalid,
    CredentialMissing,
    RateLimited,
    RoleRequired,
)
from app.core.model import Role
from app.web.http.credentials import (
    KEY_ERRORS,
    PLACE_PREFIX,
    STAFF,
    TOKEN_ERRORS,
    bearer,
    read_account,
    read_claims,
)
from app.web.http.routes import Auth, Request


async def _anybody(request: Request) -> Account:
    token = bearer(request)
    if token is None:
        raise CredentialMissing("Log in, then send the access token as `Authorization: Bearer`.")
    if token.startswith(PLACE_PREFIX):
        raise CredentialInvalid("This is a place token; an access token is needed here.")
    account = await read_account(request, token, "an access token")
    await request.app.throttles.account(account)
    return account


async def _staff(request: Request, role: Role) -> Account:
    """Staff with this role, or with rights in single sales, which `key_rights` checks against the call."""
    account = await accounts.with_current_role(request.app.stores, await _anybody(request))
    if STAFF[account.role] >= STAFF[role]:
        return account
    if grants := await sale_rights.grants_of(request.app.stores, account):
        return msgspec.structs.replace(account, grants=grants)
    raise RoleRequired(f"The role {role} is needed here; yours is {account.role}.")


async def _operator(request: Request) -> Account:
    return await _staff(request, "operator")


async def _admin(request: Request) -> Account:
    return await _staff(request, "admin")


def events_of(account: Account | None, scope: Scope) -> list[str] | None:
    """The events to which a list with this scope is limited for this account; None: no limit."""
    if account is not None and account.grants is not None:
        return sorted(account.grants.events(scope))
    bound = account.key.events if account is not None and account.key is not None else None
    return None if bound is None else sorted(bound)


def author(request: Request, account: Account) -> Author:
    """The author of a change, for the audit log."""
    return Author(subject=account.subject, role=account.role, request_id=request.request_id)


async def is_staff_call(request: Request) -> bool:
    """Whether a public call is made by staff, or by a key of theirs that covers its path."""
    account = await staff_asking(request)
    return account is not None and (account.key is None or account.key.is_for(request.params))


async def staff_asking(request: Request) -> Account | None:
    """The staff account making a public call; other tokens, valid or not, are ignored."""
    try:
        token = bearer(request)
        if token is None or token.startswith(PLACE_PREFIX):
            return None
        claims = await read_claims(request, token)
    except (CredentialInvalid, BookingTokenExpired):
        return None
    if not isinstance(claims, Account) or STAFF[claims.role] < STAFF["operator"]:
        return None
    return claims if claims.key is None or claims.key.may("events:read") else None


_OF_STAFF = (*TOKEN_ERRORS, *KEY_ERRORS, RoleRequired, RateLimited)
ACCOUNT = Auth("account", ("accessToken",), _anybody, (*TOKEN_ERRORS, RateLimited))  # not available to keys
OPERATOR = Auth("operator", ("accessToken",), _operator, _OF_STAFF, takes_keys=True)
ADMIN = Auth("admin", ("accessToken",), _admin, _OF_STAFF, takes_keys=True)
STAFF_ONLY = (OPERATOR, ADMIN)
