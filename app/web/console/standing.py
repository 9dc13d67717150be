"""Where whoever is signed in stands on a page of the console: by their role, by their rights in its sale, and
whether they have to set up a second factor first."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from app.accounts import sale_rights, second_factor
from app.core.account import Account
from app.core.errors import ReservationNotFound
from app.core.rights import Grants
from app.store.sql.second_factors import Factors
from app.store.sql.sign_ins import SignIn
from app.web.console.console_routes import CONSOLE, ConsoleRoute, entries
from app.web.console.staff import Staff, signed_in, staff_of
from app.web.http.credentials import STAFF
from app.web.http.key_rights import params_of_sale
from app.web.http.routes import Request

SET_UP = "/admin/sign-ins"  # where a second factor is set up


async def standing(request: Request, found: SignIn, it: ConsoleRoute) -> tuple[Staff, bool]:
    """What a page knows about who is signed in, and whether they may open it: by their role, else by their
    rights in the sale that it is about."""
    if STAFF[found.role] >= STAFF[it.role]:
        return await staff_of(request, found, entries(request, it.section, found.role)), True
    grants = await sale_rights.grants_of(request.app.stores, Account(subject=found.subject, role=found.role))
    staff = await staff_of(request, found, entries(request, it.section, found.role, grants), grants or None)
    try:
        params = await params_of_sale(request)
    except ReservationNotFound:  # as the page says it to those who may open it
        return staff, bool(grants)
    if not grants.may(it.scope, params, of_sales=it.of_sales):
        return msgspec.structs.replace(staff, looks_only=False), False
    return _in_sale(staff, grants, it, params), True


def _in_sale(staff: Staff, grants: Grants, it: ConsoleRoute, params: Mapping[str, str]) -> Staff:
    """The same, with what they are on a page by their rights in its sale."""
    if params.keys().isdisjoint(("event_id", "room_id")):
        return staff
    money = it.scope is not None and it.scope.startswith("reservations:")
    full = grants.may("reservations:write" if money else "events:write", params)
    door = (
        it.scope is not None and it.scope.startswith("check_ins:") and grants.may("check_ins:write", params)
    )
    changes = full or money or door or grants.may("rooms:write", params)
    return msgspec.structs.replace(staff, here="admin" if full else "operator", looks_only=not changes)


def opens(staff: Staff, path: str, params: Mapping[str, str]) -> bool:
    """Whether they may open the page declared at this path, about the sale of `params`."""
    it = next((it for it in CONSOLE if it.method == "GET" and it.path == path), None)
    if it is None:
        return False
    grants = staff.account.grants
    by_grant = grants is not None and grants.may(it.scope, params, of_sales=it.of_sales)
    return STAFF[staff.account.role] >= STAFF[it.role] or by_grant


async def still_opens(request: Request, path: str) -> bool:
    """Whether who is signed in may open the page declared at this path now: a stream asks again and again,
    which is no use of the sign-in. Raises RateLimited."""
    found = await signed_in(request, used=False)
    it = next(it for it in CONSOLE if it.method == "GET" and it.path == path)
    return found is not None and (await standing(request, found, it))[1]


def lacks_factor(request: Request, staff: Staff, has: Factors) -> bool:
    """Whether they have to set up a second factor before anything else. Access tokens of no account are given
    by whoever runs the installation."""
    if not second_factor.is_needed(request.app.settings.second_factor, staff.account.role):
        return False
    return staff.name != staff.account.subject and not has.codes and not has.passkeys


async def lacks_factor_now(request: Request, staff: Staff) -> bool:
    """The same, for a page that has not read what they have."""
    if request.app.settings.second_factor == "nobody":
        return False
    return lacks_factor(
        request, staff, await second_factor.factors_of(request.app.stores, staff.account.subject)
    )
