"""Who is signed in to the console: the cookie, and what every page of it is told of them."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from quart import Response

from app import accounts
from app.core.errors import BookingTokenExpired, CredentialInvalid, NotFound, RoleRequired
from app.core.model import Account, Author, Role
from app.web.credentials import STAFF, author, cookies
from app.web.http import Request

COOKIE = "fairgate_staff"
COOKIE_S = 12 * 3600  # as long as an access token lives
NOT_STAFF = (CredentialInvalid, BookingTokenExpired, RoleRequired)


class Entry(msgspec.Struct, frozen=True):
    """One entry of the navigation."""

    label: str
    href: str
    here: bool


class Staff(msgspec.Struct, frozen=True):
    """Whoever asks for a page of the console, and where in it they are; `page.staff` of every template."""

    account: Account
    name: str  # of the account; of a token without one its subject
    by: Author  # the same, as the audit log names them
    entries: list[Entry]

    def may(self, role: Role) -> bool:
        """Whether they may do what needs this role."""
        return STAFF[self.account.role] >= STAFF[role]


async def signed_in(request: Request) -> Account | None:
    """The account that is signed in; nobody when the token has run out meanwhile. Raises RateLimited."""
    token = cookies(request, COOKIE).get("")
    if not token:
        return None
    try:
        account = await read_staff(request, token)
    except NOT_STAFF:
        return None
    await request.app.throttles.account(account)
    return account


async def read_staff(request: Request, token: str) -> Account:
    """The account of an access token of staff. Raises CredentialInvalid & Co., RoleRequired."""
    found = await request.app.keyring.read(token)
    if not isinstance(found, Account):
        raise CredentialInvalid("This is a booking token; an access token is needed here.")
    if STAFF[found.role] < STAFF["operator"]:
        raise RoleRequired("The role operator or admin is needed here.")
    return found


async def staff_of(request: Request, account: Account, entries: list[Entry]) -> Staff:
    """What a page is told of the account."""
    name = account.subject
    with suppress(NotFound):
        name = (await accounts.account(request.app.stores, account.subject)).name
    return Staff(account, name, author(request, account), entries)


def with_cookie(response: Response, request: Request, token: str, max_age_s: int) -> Response:
    """The answer that makes the browser keep this token for the console; "" and 0 to forget it."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=max_age_s,
        path="/admin",
        httponly=True,
        samesite="Strict",
        secure=request.is_secure(),
    )
    return response
