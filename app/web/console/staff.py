"""Who is signed in to the console: the cookie, and what every page knows about them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from quart import Response

from app.accounts import accounts, console_sessions, sale_rights
from app.accounts.console_sessions import SIGN_IN_S
from app.core.account import Account, Author
from app.core.accounts.rights import Grants
from app.core.accounts.scopes import Scope
from app.core.errors import CredentialInvalid, RoleRequired
from app.core.model import Role
from app.core.tokens.tokens import expiry
from app.core.zones import UTC, known_zone
from app.monitoring.alert_board import AlertLine
from app.monitoring.sales_board import SaleFigures
from app.store.sql.accounts.sign_ins import SignIn
from app.web.http.cookies import cookie_name, cookies
from app.web.http.credentials import STAFF
from app.web.http.routes import Request
from app.web.http.staff_access import author, events_of

COOKIE = "fairgate_staff"
ALARMS_MAX = 3  # shown in full
RUNNING_MAX = 5  # sales shown
JUST_NOW = timedelta(minutes=2)


class Entry(msgspec.Struct, frozen=True):
    """One entry of the navigation."""

    label: str
    href: str
    current: bool


class Alarms(msgspec.Struct, frozen=True):
    """The alerts above every page: unacknowledged ones, and the number of acknowledged ones."""

    lines: list[AlertLine]
    more: int
    acknowledged: int
    may_acknowledge: bool


class RunningSales(msgspec.Struct, frozen=True):
    """Figures of the running sales, above every page: the latest sales, and how many more there are.

    `unknown`: the figures cannot be read at the moment.
    """

    sales: tuple[SaleFigures, ...] = ()
    more: int = 0
    unknown: bool = False


class LastSignIn(NamedTuple):
    """When and from where somebody signed in before."""

    at: datetime
    address: str


class Staff(msgspec.Struct, frozen=True):
    """The viewer of a console page, with the page's context; `page.staff` in every template."""

    account: Account
    name: str  # of the account; the subject of a token without one
    by: Author  # for the audit log
    entries: list[Entry]
    sign_in_id: str
    expires_at: datetime
    alarms: Alarms
    running: RunningSales | None  # None if they may not see figures
    zone: str = UTC  # zone in which times are shown
    own_zone: str = ""  # the zone they chose; "": their browser's
    last_sign_in: LastSignIn | None = None  # set just after signing in
    role_here: Role | None = (
        None  # their role on this page by rights in its sale; None: their own role applies
    )
    read_only: bool = False  # whether they may only read this page

    def may(self, role: Role) -> bool:
        """Whether their role on this page is at least this one."""
        return STAFF[self.role_here or self.account.role] >= STAFF[role]

    def events(self, scope: Scope) -> list[str] | None:
        """The events to which a list of this scope is limited for them; None: no limit."""
        return events_of(self.account, scope)

    @property
    def role_label(self) -> str:
        """Their role, in a word."""
        return self.account.role if self.account.role != "user" else "single sales"


async def signed_in(request: Request, *, used: bool = True) -> SignIn | None:
    """Who is signed in; None if the sign-in has ended, or they are no longer staff. Raises RateLimited.

    `used` is False for streams that check again: this must not extend the idle time-out.
    """
    secret = cookies(request, COOKIE).get("")
    if not secret:
        return None
    idle_s = 60 * request.app.settings.staff_idle_minutes
    sign_in = await console_sessions.of_secret(request.app.stores, secret, idle_s=idle_s, used=used)
    if sign_in is None or (STAFF[sign_in.role] < STAFF["operator"] and not sign_in.in_sales):
        return None
    await request.app.throttles.account(Account(subject=sign_in.subject, role=sign_in.role))
    return sign_in


async def account_of(request: Request, token: str) -> tuple[Account, int]:
    """The staff account of an access token, and its remaining seconds. Raises CredentialInvalid and the
    like."""
    claims = await request.app.keyring.read(token)
    if not isinstance(claims, Account):
        raise CredentialInvalid("This is a booking token; an access token is needed here.")
    claims = await accounts.with_current_role(request.app.stores, claims)
    if STAFF[claims.role] < STAFF["operator"] and not await sale_rights.grants_of(request.app.stores, claims):
        raise RoleRequired("The role operator or admin is needed here, or rights in a sale.")
    return claims, max(1, expiry(token) - int(time.time()))


async def staff_of(
    request: Request, sign_in: SignIn, entries: list[Entry], grants: Grants | None = None
) -> Staff:
    """What pages know about the viewer, with the current alarms; `grants` if single sales give them
    access."""
    account = Account(subject=sign_in.subject, role=sign_in.role, grants=grants)
    name = sign_in.name or sign_in.subject
    by, zone = author(request, account), known_zone(sign_in.zone)
    alarms = alarms_of(await request.app.alert_board.current(), sign_in.role)
    running = running_of(await request.app.alert_board.sales.current(), account)
    about = entries, sign_in.sign_in_id, sign_in.expires_at, alarms, running, zone, sign_in.own_zone
    return Staff(account, name, by, *about, _last_sign_in(sign_in))


def _last_sign_in(sign_in: SignIn) -> LastSignIn | None:
    """The sign-in before this one, shown while this one is new."""
    if sign_in.before_at is None or datetime.now(UTC_ZONE) - sign_in.created_at > JUST_NOW:
        return None
    return LastSignIn(sign_in.before_at, sign_in.before_from or "an unknown address")


def alarms_of(lines: Sequence[AlertLine], role: Role) -> Alarms:
    """The alerts that somebody with this role sees above pages; staff of single sales see none."""
    if STAFF[role] < STAFF["operator"]:
        return Alarms([], 0, 0, False)
    new = [it for it in lines if not it.acknowledged_by]
    return Alarms(
        new[:ALARMS_MAX], max(0, len(new) - ALARMS_MAX), len(lines) - len(new), STAFF[role] >= STAFF["admin"]
    )


def running_of(sales: tuple[SaleFigures, ...] | None, account: Account) -> RunningSales | None:
    """The running sales whose figures somebody may see."""
    grants = account.grants
    if STAFF[account.role] < STAFF["operator"]:
        visible = grants.rooms("stats:read") if grants is not None else frozenset()
        if not visible:
            return None
        sales = None if sales is None else tuple(it for it in sales if it.room_id in visible)
    if sales is None:
        return RunningSales(unknown=True)
    return RunningSales(sales[:RUNNING_MAX], max(0, len(sales) - RUNNING_MAX))


def with_cookie(response: Response, request: Request, secret: str) -> Response:
    """Set the console's cookie to this secret, or delete it if the secret is ""."""
    name, secure = cookie_name(request, COOKIE), request.is_secure()
    names = [(name, "/" if secure else "/admin")]
    if secure and not secret:
        names.append((COOKIE, "/admin"))  # its former name
    for label, path in names:
        response.set_cookie(
            label,
            secret,
            max_age=SIGN_IN_S if secret else 0,
            path=path,
            httponly=True,
            samesite="Strict",
            secure=secure,
        )
    return response
