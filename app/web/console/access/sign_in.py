"""Signing in to and out of the console, and the list of one's sign-ins.

Staff sign in with e-mail and password (`fairgate admin create`) or with an access token (`fairgate token`).
"""

from __future__ import annotations

import msgspec
from quart import Quart, Response

from app.accounts import console_sessions as sign_ins
from app.accounts import passkeys
from app.accounts.second_factor import factors_of, is_needed
from app.core.account import RegisteredAccount
from app.core.errors import BookingTokenExpired, CredentialInvalid, RoleRequired, ValidationFailed
from app.core.zones import zones
from app.store.sql.accounts.passkeys import Passkey
from app.store.sql.accounts.second_factors import Factors
from app.store.sql.accounts.sign_ins import SignIn
from app.web.api.access.accounts import LoginBody, PasswordChange, account_for_login, new_password
from app.web.console.frame import console_form, console_page, sign_in_form
from app.web.console.page_access import lacks_factor
from app.web.console.proofs import proof_page
from app.web.console.signing_in import CodePage, begin_step, check_staff, sign_in_as, where_to
from app.web.console.staff import Staff, account_of, signed_in, with_cookie
from app.web.http.origins import names_its_page
from app.web.http.routes import Request
from app.web.pages.entry import foreign_form, page
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond


class SignInsPage(msgspec.Struct, frozen=True):
    """The sign-ins of this account."""

    staff: Staff
    sign_ins: list[SignIn]
    zones: list[str]
    passkeys: list[Passkey]
    factors: Factors
    has_account: bool
    needed: bool  # whether a second factor has to be set up first


async def sign_in(request: Request) -> Response:
    """Sign in with e-mail and password, or with an access token."""
    if not names_its_page(request):
        return foreign_form(request)
    form = await read_form()
    to = where_to(form)
    try:
        if not form.get("token", "").strip():
            return await _by_password(request, form, to)
        account, ttl_s = await account_of(request, form["token"].strip())
    except (CredentialInvalid, BookingTokenExpired, RoleRequired) as refusal:
        return sign_in_form(to, refusal.detail, refusal.status)
    if (before := await signed_in(request)) is not None:  # replaces the browser's session
        await sign_ins.end(request.app.stores, before.subject, before.sign_in_id)
    agent = request.header(b"user-agent") or ""
    secret = await sign_ins.begin(
        *(request.app.stores, account),
        address=request.client,
        agent=agent,
        ttl_s=ttl_s,
        zone=form.get("zone", ""),
    )
    return with_cookie(redirect_to(to), request, secret)


async def _by_password(request: Request, form: dict[str, str], to: str) -> Response:
    """Sign in with e-mail and password, or ask for the second factor.

    Raises CredentialInvalid, RoleRequired, RateLimited.
    """
    account = await _checked_account(request, form)
    await check_staff(request, account)
    has, needed = await factors_of(request.app.stores, account.account_id), request.app.settings.second_factor
    if has.codes:
        details = {"to": to, "zone": form.get("zone", "")}
        asking = respond("console/sign_in_code.html", CodePage())
        return await begin_step(request, asking, "code", account.account_id, details)
    if has.passkeys and is_needed(needed, account.role):
        raise CredentialInvalid("Sign in with your passkey: the password alone does not suffice here.")
    return await sign_in_as(request, account, to, form.get("zone", ""))


async def sign_out(request: Request) -> Response:
    """Sign out."""
    if not names_its_page(request):
        return foreign_form(request)
    sign_in = await signed_in(request)
    if sign_in is not None:
        await sign_ins.end(request.app.stores, sign_in.subject, sign_in.sign_in_id)
    return with_cookie(redirect_to("/admin"), request, "")


@console_page("/admin/sign-ins", of_sales=True)
async def sign_in_list(request: Request, staff: Staff) -> Response:
    """List the sign-ins of the viewer."""
    listed = await sign_ins.of_account(request.app.stores, staff.account.subject)
    stores, account_id = request.app.stores, staff.account.subject
    keys, has = await passkeys.of_account(stores, account_id), await factors_of(stores, account_id)
    has_account = staff.name != account_id
    document = SignInsPage(
        staff, listed, sorted(zones()), keys, has, has_account, lacks_factor(request, staff, has)
    )
    return respond("console/sign_ins.html", document)


@console_page("/admin/sign-ins/proof", of_sales=True)
async def proof(request: Request, staff: Staff) -> Response:
    """Ask for a proof of identity before a script's request that needs one."""
    page = await proof_page(request, staff, "/admin/sign-ins/proof", {}, "/admin/sign-ins")
    return respond("console/proof.html", page)


@console_form("/admin/sign-ins/proof", of_sales=True)
async def give_proof(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Continue after the proof, which is checked as for any dangerous form."""
    return redirect_to("/admin/sign-ins")


@console_form("/admin/sign-ins/clock", of_sales=True)
async def set_clock(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Choose the time zone of the console's clock."""
    chosen, browser = form.get("timezone", "").strip(), form.get("zone", "")
    await sign_ins.set_clock(
        request.app.stores, staff.account.subject, staff.sign_in_id, chosen=chosen, browser=browser
    )
    return redirect_to("/admin/sign-ins")


@console_form("/admin/sign-ins/<sign_in_id>/end", of_sales=True)
async def end_sign_in(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """End one of the viewer's sign-ins."""
    await sign_ins.end(request.app.stores, staff.account.subject, request.params["sign_in_id"])
    return redirect_to("/admin/sign-ins")


@console_form("/admin/sign-ins/end-others", of_sales=True)
async def end_other_sign_ins(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """End all of the viewer's sign-ins except this one."""
    await sign_ins.end_all(request.app.stores, staff.account.subject, but=staff.sign_in_id)
    return redirect_to("/admin/sign-ins")


@console_form("/admin/sign-ins/password", of_sales=True)
async def change_password(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Change the viewer's password, which ends all sign-ins."""
    sent = {name: form.get(name, "") for name in ("password", "new_password")}
    try:
        body = msgspec.convert(sent, PasswordChange)
    except msgspec.ValidationError:
        raise ValidationFailed("new_password", "must have 10 to 200 characters") from None
    await new_password(request, staff.account.subject, body)
    return with_cookie(redirect_to("/admin"), request, "")


async def _checked_account(request: Request, form: dict[str, str]) -> RegisteredAccount:
    """The account with the e-mail and password of the form. Raises CredentialInvalid, RateLimited."""
    sent = {name: form.get(name, "") for name in ("email", "password")}
    try:
        login = msgspec.convert(sent, LoginBody)
    except msgspec.ValidationError:
        raise CredentialInvalid("The e-mail address or password is wrong.") from None
    return await account_for_login(request, login)


def register_sign_in(app: Quart) -> None:
    """Add both forms, the only ones of the console that need no sign-in."""
    for path, form in {"/admin/sign-in": sign_in, "/admin/sign-out": sign_out}.items():
        app.add_url_rule(path, f"console_{form.__name__}", page(form), methods=["POST"])
