"""The console's page of accounts: search, and change roles."""

from __future__ import annotations

from typing import get_args

import msgspec
from quart import Response

from app.accounts import accounts
from app.core.account import RegisteredAccount
from app.core.errors import Conflict, ValidationFailed
from app.core.model import Role
from app.store.sql.accounts import AccountFilter
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, one_of, page_number, to_page
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

ROLES: tuple[Role, ...] = get_args(Role)


class UsersPage(msgspec.Struct, frozen=True):
    """One page of the accounts, staff first."""

    staff: Staff
    asked: dict[str, str]
    users: list[RegisteredAccount]
    roles: tuple[Role, ...]
    total: int
    number: int
    more: bool
    to_page: str
    problem: str = ""


@console_page("/admin/users", section="Users", role="admin")
async def user_list(request: Request, staff: Staff) -> Response:
    """The accounts that match the filters."""
    return await _list(request, staff, filters_of(request))


@console_form("/admin/users/<account_id>/role", section="Users", role="admin")
async def change_role(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Change an account's role; refuses to lower one's own by mistake."""
    role = one_of(form, "role", ROLES)
    if role is None:
        raise ValidationFailed("role", "must be chosen")
    account_id = request.params["account_id"]
    try:
        if account_id == staff.account.subject and role != "admin":
            raise Conflict("This is your own account: ask another admin to change your role.")
        changed = await accounts.change_role(request.app.stores, account_id, role, by=staff.by)
    except Conflict as refusal:
        return await _list(request, staff, {}, refusal.detail, refusal.status)
    return redirect_to(f"/admin/users?q={changed.account_id}")


@console_form("/admin/users/<account_id>/sign-out", section="Users", role="admin")
async def sign_out_user(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """End all sessions of an account."""
    account_id = request.params["account_id"]
    await accounts.sign_out_everywhere(request.app.stores, account_id, by=staff.by)
    return redirect_to(f"/admin/users?q={account_id}")


async def _list(
    request: Request, staff: Staff, fields: dict[str, str], problem: str = "", status: int = 200
) -> Response:
    number = page_number(fields)
    wanted = AccountFilter(fields.get("q"), one_of(fields, "role", ROLES))
    found, total = await accounts.accounts_page(
        request.app.stores, wanted, limit=PER_PAGE, offset=(number - 1) * PER_PAGE
    )
    more = number * PER_PAGE < total
    address = to_page(request, fields) if request.method == "GET" else "/admin/users?page="
    document = UsersPage(staff, fields, found, ROLES, total, number, more, address, problem)
    return respond("console/users.html", document, status)
