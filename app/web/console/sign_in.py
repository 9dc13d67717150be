"""Signing in to the console, out of it, and where one is signed in.

Staff sign in with e-mail and password (`fairgate admin create`) or with an access token (`fairgate token`).
"""

from __future__ import annotations

import re

import msgspec
from quart import Quart, Response

from app.accounts import console_sessions as sign_ins
from app.core.errors import BookingTokenExpired, CredentialInvalid, RoleRequired, ValidationFailed
from app.core.zones import zones
from app.store.sql.sign_ins import SignIn
from app.web.api.accounts import LoggedIn, LoginBody, PasswordChange, logged_in, new_password
from app.web.console.frame import console_form, console_page, sign_in_form
from app.web.console.staff import Staff, account_of, signed_in, with_cookie
from app.web.http.origins import names_its_page
from app.web.http.routes import Request
from app.web.pages.entry import foreign_form, page
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond
from app.web.pages.visitors import add_cookie

OURS = re.compile(r"/admin(/[\w-]+)*(\?[\w=&%.+-]*)?")


class SignInsPage(msgspec.Struct, frozen=True):
    """Where this account is signed in."""

    staff: Staff
    sign_ins: list[SignIn]
    zones: list[str]


async def sign_in(request: Request) -> Response:
    """Sign in with e-mail and password, or with an access token."""
    if not names_its_page(request):
        return foreign_form(request)
    form = await read_form()
    to = form.get("to", "")
    to = to if OURS.fullmatch(to) else "/admin"
    try:
        done = None if form.get("token", "").strip() else await _logged_in(request, form)
        account, ttl_s = await account_of(request, done.token if done else form["token"].strip())
    except (CredentialInvalid, BookingTokenExpired, RoleRequired) as refusal:
        return sign_in_form(to, refusal.detail, refusal.status)
    if (before := await signed_in(request)) is not None:  # a browser has one session
        await sign_ins.end(request.app.stores, before.subject, before.sign_in_id)
    agent = request.header(b"user-agent") or ""
    secret = await sign_ins.begin(
        *(request.app.stores, account),
        address=request.client,
        agent=agent,
        ttl_s=ttl_s,
        zone=form.get("zone", ""),
    )
    response = with_cookie(redirect_to(to), request, secret)
    if done is not None:
        add_cookie(response, done.device)
    return response


async def sign_out(request: Request) -> Response:
    """Sign out."""
    if not names_its_page(request):
        return foreign_form(request)
    found = await signed_in(request)
    if found is not None:
        await sign_ins.end(request.app.stores, found.subject, found.sign_in_id)
    return with_cookie(redirect_to("/admin"), request, "")


@console_page("/admin/sign-ins")
async def sign_in_list(request: Request, staff: Staff) -> Response:
    """Where I am signed in."""
    found = await sign_ins.of_account(request.app.stores, staff.account.subject)
    return respond("console/sign_ins.html", SignInsPage(staff, found, sorted(zones())))


@console_form("/admin/sign-ins/clock")
async def set_clock(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Choose the time zone of the console's clock."""
    chosen, browser = form.get("timezone", "").strip(), form.get("zone", "")
    await sign_ins.set_clock(
        request.app.stores, staff.account.subject, staff.sign_in_id, chosen=chosen, browser=browser
    )
    return redirect_to("/admin/sign-ins")


@console_form("/admin/sign-ins/<sign_in_id>/end")
async def end_sign_in(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Sign one of my browsers out."""
    await sign_ins.end(request.app.stores, staff.account.subject, request.params["sign_in_id"])
    return redirect_to("/admin/sign-ins")


@console_form("/admin/sign-ins/end-others")
async def end_other_sign_ins(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Sign all my browsers out but this one."""
    await sign_ins.end_all(request.app.stores, staff.account.subject, but=staff.sign_in_id)
    return redirect_to("/admin/sign-ins")


@console_form("/admin/sign-ins/password")
async def change_password(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Change my password; ends all sign-ins."""
    sent = {name: form.get(name, "") for name in ("password", "new_password")}
    try:
        body = msgspec.convert(sent, PasswordChange)
    except msgspec.ValidationError:
        raise ValidationFailed("new_password", "must have 10 to 200 characters") from None
    await new_password(request, staff.account.subject, body)
    return with_cookie(redirect_to("/admin"), request, "")


async def _logged_in(request: Request, form: dict[str, str]) -> LoggedIn:
    """The account of the e-mail and password in the form. Raises CredentialInvalid, RateLimited."""
    sent = {name: form.get(name, "") for name in ("email", "password")}
    try:
        login = msgspec.convert(sent, LoginBody)
    except msgspec.ValidationError:
        raise CredentialInvalid("The e-mail or the password is wrong.") from None
    return await logged_in(request, login)


def register_sign_in(app: Quart) -> None:
    """Add both forms, the only ones of the console that need no sign-in."""
    for path, form in {"/admin/sign-in": sign_in, "/admin/sign-out": sign_out}.items():
        app.add_url_rule(path, f"console_{form.__name__}", page(form), methods=["POST"])
