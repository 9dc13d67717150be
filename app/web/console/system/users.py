"""The console's accounts: search, invite, change roles, deactivate."""

from __future__ import annotations

from typing import get_args

import msgspec
from quart import Response

from app.accounts import accounts, activation, invitations, second_factor
from app.accounts.invitations import Invitee
from app.core.account import RegisteredAccount
from app.core.accounts.invitations import InvitationSigner
from app.core.errors import Conflict, Refusal, ValidationFailed
from app.core.formats import Email, Name
from app.core.model import Role
from app.store.sql.accounts.accounts import AccountFilter
from app.store.sql.accounts.invitations import Invitation
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, one_of, page_number, to_page
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

ROLES: tuple[Role, ...] = get_args(Role)
STAFF_ROLES = tuple(it for it in ROLES if it != "user")


class NewColleague(msgspec.Struct, frozen=True):
    """The person to invite, as typed."""

    email: Email
    name: Name


class UsersPage(msgspec.Struct, frozen=True):
    """One page of accounts, staff first."""

    staff: Staff
    query: dict[str, str]
    users: list[RegisteredAccount]
    roles: tuple[Role, ...]
    total: int
    number: int
    more: bool
    to_page: str
    invited: list[Invitation]
    staff_roles: tuple[Role, ...]
    problem: str = ""
    link: str = ""  # of the person just invited, if it was not e-mailed
    filled: dict[str, str] = {}


class RolePage(msgspec.Struct, frozen=True):
    """Asks to confirm that somebody should become an admin."""

    staff: Staff
    account: RegisteredAccount


@console_page("/admin/users", section="Users", role="admin")
async def user_list(request: Request, staff: Staff) -> Response:
    """List the accounts that match the filters."""
    return await _list(request, staff, filters_of(request))


@console_form("/admin/users/<account_id>/role", section="Users", role="admin")
async def change_role(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Change an account's role. Refuses to lower one's own by mistake."""
    role = one_of(form, "role", ROLES)
    if role is None:
        raise ValidationFailed("role", "must be chosen")
    account_id = request.params["account_id"]
    if role == "admin" and form.get("sure") != "yes":
        account = await accounts.account(request.app.stores, account_id)
        if account.role != "admin":
            return respond("console/role.html", RolePage(staff, account))
    try:
        if account_id == staff.account.subject and role != "admin":
            raise Conflict("This is your own account: ask another admin to change your role.")
        changed = await accounts.change_role(request.app.stores, account_id, role, by=staff.by)
    except Conflict as refusal:
        return await _list(request, staff, {}, message_of(refusal), refusal.status)
    return redirect_to(f"/admin/users?q={changed.account_id}")


@console_form("/admin/users/<account_id>/sign-out", section="Users", role="admin")
async def sign_out_user(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """End all sessions of an account."""
    account_id = request.params["account_id"]
    await accounts.sign_out_everywhere(request.app.stores, account_id, by=staff.by)
    return redirect_to(f"/admin/users?q={account_id}")


@console_form("/admin/users/<account_id>/active", section="Users", role="admin")
async def set_active(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Deactivate or reactivate an account."""
    account_id, active = request.params["account_id"], form.get("active") == "yes"
    try:
        if account_id == staff.account.subject:
            raise Conflict("This is your own account: ask another admin to deactivate it.")
        await activation.set_active(request.app.stores, account_id, active=active, by=staff.by)
    except Conflict as refusal:
        return await _list(request, staff, {}, refusal.detail, refusal.status)
    return redirect_to(f"/admin/users?q={account_id}")


@console_form("/admin/users/<account_id>/second-factor", section="Users", role="admin")
async def forget_second_factor(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Remove all second factors of somebody who lost them, and sign them out."""
    account_id = request.params["account_id"]
    await second_factor.remove(request.app.stores, account_id, by=staff.by, passkeys_too=True)
    return redirect_to(f"/admin/users?q={account_id}")


@console_form("/admin/users/invite", section="Users", role="admin")
async def invite_user(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Invite somebody with a role of the installation."""
    role = one_of(form, "role", STAFF_ROLES)
    try:
        if role is None:
            raise ValidationFailed("role", "must be chosen")
        new = Invitee(*invited_to(form), role)
        link = await send_invitation(request, staff, new)
    except Refusal as refusal:
        return await _list(request, staff, {}, refusal.detail, refusal.status, filled=form)
    return await _list(request, staff, {}, link=link) if link else redirect_to("/admin/users#invited")


@console_form("/admin/users/invitations/<invitation_id>/withdraw", section="Users", role="admin")
async def withdraw_invitation(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Withdraw an invitation, which makes its link invalid."""
    await invitations.withdraw(request.app.stores, request.params["invitation_id"], by=staff.by)
    return redirect_to("/admin/users#invited")


def invited_to(form: dict[str, str]) -> tuple[str, str]:
    """The e-mail address and name of the person to invite. Raises ValidationFailed."""
    for name, problem in (("email", "is no e-mail address"), ("name", "must have 1 to 200 characters")):
        sent = {"email": "a@example.org", "name": "n", name: form.get(name, "").strip()}
        try:
            msgspec.convert(sent, NewColleague)
        except msgspec.ValidationError:
            raise ValidationFailed(name, problem) from None
    return form["email"].strip(), form["name"].strip()


async def send_invitation(request: Request, staff: Staff, new: Invitee) -> str:
    """Invite somebody. Returns the link to pass on, or "" if it was e-mailed.

    Raises Conflict, RateLimited, ValidationFailed.
    """
    app = request.app
    await app.throttles.invitation(staff.account.subject)
    signer = InvitationSigner(app.settings.secret.get_secret_value().encode())
    mails = app.settings.mails_links
    token = await invitations.invite(app.stores, signer, new, mails=mails, by=staff.by)
    return "" if mails else f"{request.origin()}/admin/invitation?token={token}"


async def _list(
    request: Request,
    staff: Staff,
    fields: dict[str, str],
    problem: str = "",
    status: int = 200,
    *,
    link: str = "",
    filled: dict[str, str] | None = None,
) -> Response:
    number = page_number(fields)
    criteria = AccountFilter(fields.get("q"), one_of(fields, "role", ROLES))
    listed, total = await accounts.accounts_page(
        request.app.stores, criteria, limit=PER_PAGE, offset=(number - 1) * PER_PAGE
    )
    more = number * PER_PAGE < total
    address = to_page(request, fields) if request.method == "GET" else "/admin/users?page="
    invited = await invitations.list_open(request.app.stores)
    document = UsersPage(
        *(staff, fields, listed, ROLES, total, number, more, address, invited, STAFF_ROLES),
        *(problem, link, filled or {}),
    )
    return respond("console/users.html", document, status)
