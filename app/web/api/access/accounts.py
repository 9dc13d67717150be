"""Accounts: register, log in, my account, my reservations."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from app.accounts import accounts, second_factor
from app.core.account import Account, RegisteredAccount
from app.core.accounts.second_factor import FactorKeys
from app.core.catalogue.definitions import NewAccount, Password
from app.core.clock import from_ms
from app.core.errors import (
    BacklogFull,
    Conflict,
    CredentialInvalid,
    NotFound,
    RateLimited,
    SecondFactorRequired,
    StoreUnavailable,
)
from app.core.formats import Email, Name
from app.core.model import Role, Struct
from app.core.notifications.email import normalised
from app.core.tokens.tokens import expiry
from app.web.api.access.devices import device_cookie, device_of
from app.web.documents.sale import Page, ReservationDocument, reservation_document
from app.web.http.cache_control import NO_STORE
from app.web.http.credentials import bearer
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import ACCOUNT

TAG = "Accounts"
AWAY = (StoreUnavailable,)


class LoginBody(Struct, frozen=True):
    """E-mail and password."""

    email: Email
    password: Annotated[str, Meta(max_length=200)]
    code: Annotated[str, Meta(max_length=40)] = ""  # of the second factor, if there is one


class LoggedIn(NamedTuple):
    """The result of a login: a token, its expiry (s), the cookie of a known device."""

    token: str
    exp: int
    device: tuple[bytes, bytes]


class AccountPatch(Struct, frozen=True):
    """The fields of one's own account that can be changed."""

    name: Name


class PasswordChange(Struct, frozen=True):
    """The current password, and the new one."""

    password: Annotated[str, Meta(max_length=200)]
    new_password: Password


class AccountDocument(msgspec.Struct, frozen=True):
    """An account; `account_id` is the `sub` of its access tokens."""

    account_id: str
    email: str
    name: str
    role: Role
    created_at: datetime | None


class AccessTokenDocument(msgspec.Struct, frozen=True):
    """An access token, valid for 12 hours."""

    access_token: str
    expires_at: datetime | None
    token_type: str = "Bearer"


def account_document(registered: RegisteredAccount) -> AccountDocument:
    """An account as its holder sees it."""
    return AccountDocument(
        registered.account_id, registered.email, registered.name, registered.role, registered.created_at
    )


@endpoint(
    "POST",
    "/v1/users",
    tag=TAG,
    body=NewAccount,
    answers={201: AccountDocument},
    errors=(RateLimited, BacklogFull, *AWAY),
)
async def register(request: Request, body: NewAccount) -> Response:
    """Register an account with the role `user`.

    If the e-mail already has an account, the response is the same and nothing changes.
    """
    await request.app.throttles.registration(request.client)
    registered = await accounts.register(request.app.stores, request.app.passwords, body)
    return json_response(201, account_document(registered), [(b"location", b"/v1/users/me"), NO_STORE])


@endpoint(
    "POST",
    "/v1/login",
    tag=TAG,
    body=LoginBody,
    answers={200: AccessTokenDocument},
    errors=(CredentialInvalid, SecondFactorRequired, RateLimited, BacklogFull, *AWAY),
)
async def log_in(request: Request, body: LoginBody) -> Response:
    """Log in: get an access token for e-mail and password.

    Browsers also get a cookie, so that failed attempts elsewhere cannot lock them out. An account with an
    authenticator app also needs one of its codes in `code` (otherwise 401 `second_factor_required`).
    """
    done = await logged_in(request, body)
    document = AccessTokenDocument(done.token, from_ms(done.exp * 1000))
    return json_response(200, document, [done.device, NO_STORE])


async def logged_in(request: Request, login: LoginBody) -> LoggedIn:
    """Issue an access token for e-mail and password. Raises CredentialInvalid, SecondFactorRequired,
    RateLimited, BacklogFull."""
    app, registered = request.app, await account_for_login(request, login)
    await _check_second_factor(request, registered, login.code)
    token, exp = app.keyring.signer.sign_access(accounts.new_token_of(registered), int(time.time()))
    return LoggedIn(token, exp, device_cookie(request, registered.account_id))


async def account_for_login(request: Request, login: LoginBody) -> RegisteredAccount:
    """The account with this e-mail and password. Raises CredentialInvalid, RateLimited, BacklogFull."""
    app, email = request.app, normalised(login.email)
    await app.throttles.login(request.client, email, await device_of(request, email))
    return await accounts.log_in(app.stores, app.passwords, login.email, login.password)


async def _check_second_factor(request: Request, registered: RegisteredAccount, code: str) -> None:
    app = request.app
    has = await second_factor.factors_of(app.stores, registered.account_id)
    if has.codes:
        if not code:
            raise SecondFactorRequired("Send a code of the app, or a recovery code, as `code`.")
        await app.throttles.second_factor(registered.account_id)
        keys = FactorKeys(app.settings.secret.get_secret_value().encode())
        await second_factor.check(app.stores, keys, registered.account_id, code)
    elif second_factor.is_needed(app.settings.second_factor, registered.role):
        raise SecondFactorRequired("Set up codes of an app in the console first.")


@endpoint("POST", "/v1/logout", tag=TAG, auth=ACCOUNT, answers={204: None}, errors=(Conflict, *AWAY))
async def log_out(request: Request, account: Account) -> Response:
    """Log out: within two seconds my access token is refused everywhere. 204, also when repeated."""
    exp = from_ms(expiry(bearer(request) or "") * 1000) if account.jti else None
    await accounts.log_out(request.app.stores, account, exp or datetime.now(UTC))
    return empty()


@endpoint(
    "GET",
    "/v1/users/me",
    tag=TAG,
    auth=ACCOUNT,
    answers={200: AccountDocument},
    errors=(NotFound, *AWAY),
)
async def read_account(request: Request, account: Account) -> Response:
    """Get my account."""
    registered = await accounts.account(request.app.stores, account.subject)
    return json_response(200, account_document(registered), [NO_STORE])


@endpoint(
    "PUT",
    "/v1/users/me",
    tag=TAG,
    auth=ACCOUNT,
    body=AccountPatch,
    answers={200: AccountDocument},
    errors=(NotFound, *AWAY),
)
async def change_account(request: Request, account: Account, body: AccountPatch) -> Response:
    """Rename my account."""
    changed = await accounts.rename(request.app.stores, account.subject, body.name)
    return json_response(200, account_document(changed), [NO_STORE])


@endpoint(
    "POST",
    "/v1/users/me/password",
    tag=TAG,
    auth=ACCOUNT,
    body=PasswordChange,
    answers={204: None},
    errors=(CredentialInvalid, NotFound, RateLimited, BacklogFull, *AWAY),
)
async def change_password(request: Request, account: Account, body: PasswordChange) -> Response:
    """Change my password. This ends all my sign-ins and access tokens; log in with the new password."""
    await new_password(request, account.subject, body)
    return empty()


async def new_password(request: Request, subject: str, body: PasswordChange) -> None:
    """Change it, throttled like logging in. Raises as `accounts.change_password`, RateLimited."""
    app = request.app
    await app.throttles.login(request.client, subject)
    await accounts.change_password(
        *(app.stores, app.passwords, subject, body.password, body.new_password),
        request_id=request.request_id,
    )


@endpoint(
    "GET",
    "/v1/users/me/reservations",
    tag=TAG,
    auth=ACCOUNT,
    query=PageQuery,
    answers={200: Page[ReservationDocument]},
    errors=AWAY,
)
async def list_my_reservations(request: Request, account: Account, query: PageQuery) -> Response:
    """List my reservations made while logged in, newest first."""
    listed, total = await accounts.reservations_page(
        request.app.stores, request.app.places, account.subject, limit=query.per_page, offset=query.offset
    )
    return page_response(request, query, [reservation_document(it) for it in listed], total)
