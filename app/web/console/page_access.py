"""Decides who may open a page of the console: by role, or by rights in the sale that the page is about.

Also whether somebody has to set up a second factor first.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from app.accounts import sale_rights, second_factor
from app.core.account import Account
from app.core.accounts.rights import Grants
from app.core.errors import ReservationNotFound
from app.store.sql.accounts.second_factors import Factors
from app.store.sql.accounts.sign_ins import SignIn
from app.web.console.console_routes import CONSOLE, ConsoleRoute, entries
from app.web.console.staff import Staff, signed_in, staff_of
from app.web.http.credentials import STAFF
from app.web.http.key_rights import params_of_sale
from app.web.http.routes import Request

SET_UP = "/admin/sign-ins"  # page for setting up a second factor


async def staff_for_route(request: Request, sign_in: SignIn, route: ConsoleRoute) -> tuple[Staff, bool]:
    """Return what a page knows about the viewer, and whether they may open it.

    Their role decides, or else their rights in the sale that the page is about.
    """
    if STAFF[sign_in.role] >= STAFF[route.role]:
        return await staff_of(request, sign_in, entries(request, route.section, sign_in.role)), True
    grants = await sale_rights.grants_of(
        request.app.stores, Account(subject=sign_in.subject, role=sign_in.role)
    )
    staff = await staff_of(
        request, sign_in, entries(request, route.section, sign_in.role, grants), grants or None
    )
    try:
        params = await params_of_sale(request)
    except ReservationNotFound:  # the page itself reports it to those who may open it
        return staff, bool(grants)
    if not grants.may(route.scope, params, of_sales=route.of_sales):
        return msgspec.structs.replace(staff, read_only=False), False
    return _in_sale(staff, grants, route, params), True


def _in_sale(staff: Staff, grants: Grants, route: ConsoleRoute, params: Mapping[str, str]) -> Staff:
    """Set their role on this page, by their rights in its sale."""
    if params.keys().isdisjoint(("event_id", "room_id")):
        return staff
    money = route.scope is not None and route.scope.startswith("reservations:")
    full = grants.may("reservations:write" if money else "events:write", params)
    door = (
        route.scope is not None
        and route.scope.startswith("check_ins:")
        and grants.may("check_ins:write", params)
    )
    changes = full or money or door or grants.may("rooms:write", params)
    return msgspec.structs.replace(staff, role_here="admin" if full else "operator", read_only=not changes)


def may_open(staff: Staff, path: str, params: Mapping[str, str]) -> bool:
    """Whether they may open the page declared at this path, about the sale in `params`."""
    route = next((it for it in CONSOLE if it.method == "GET" and it.path == path), None)
    if route is None:
        return False
    grants = staff.account.grants
    by_grant = grants is not None and grants.may(route.scope, params, of_sales=route.of_sales)
    return STAFF[staff.account.role] >= STAFF[route.role] or by_grant


async def may_still_open(request: Request, path: str) -> bool:
    """Whether the viewer may still open the page declared at this path. Raises RateLimited.

    For streams, which ask repeatedly: this does not count as use of the sign-in.
    """
    sign_in = await signed_in(request, used=False)
    route = next(it for it in CONSOLE if it.method == "GET" and it.path == path)
    return sign_in is not None and (await staff_for_route(request, sign_in, route))[1]


def lacks_factor(request: Request, staff: Staff, has: Factors) -> bool:
    """Whether they have to set up a second factor before anything else.

    Not with an access token without an account: the installation's operator has issued it.
    """
    if not second_factor.is_needed(request.app.settings.second_factor, staff.account.role):
        return False
    return staff.name != staff.account.subject and not has.codes and not has.passkeys


async def lacks_factor_now(request: Request, staff: Staff) -> bool:
    """The same, for a page that has not read their factors."""
    if request.app.settings.second_factor == "nobody":
        return False
    return lacks_factor(
        request, staff, await second_factor.factors_of(request.app.stores, staff.account.subject)
    )
