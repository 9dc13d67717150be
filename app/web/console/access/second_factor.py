"""The second factor in the console: asking for it after the password, setting it up and removing it."""

from __future__ import annotations

import msgspec
import segno
from quart import Quart, Response

from app.accounts import accounts, second_factor
from app.core.accounts.second_factor import app_link
from app.core.errors import Conflict, CredentialInvalid
from app.web.console.frame import console_form, sign_in_form
from app.web.console.signing_in import CodePage, end_step, factor_keys, sign_in_as, step_of
from app.web.console.staff import Staff
from app.web.http.origins import names_its_page
from app.web.http.routes import Request
from app.web.pages.entry import foreign_form, page
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond

TOO_LATE = "That took too long, or too many tries: sign in again."


class SetUpPage(msgspec.Struct, frozen=True):
    """What an app scans, and the form for its first code; afterwards the recovery codes, shown once."""

    staff: Staff
    secret: str = ""
    picture: str = ""  # QR code of the link, as SVG
    codes: list[str] = []
    problem: str = ""


async def give_code(request: Request) -> Response:
    """Sign in with a code, after the password."""
    if not names_its_page(request):
        return foreign_form(request)
    form, app = await read_form(), request.app
    step = await step_of(request, "code")
    if step is None or step.account_id is None:
        return sign_in_form("/admin", TOO_LATE, CredentialInvalid.status)
    await app.throttles.second_factor(step.account_id)
    try:
        await second_factor.check(app.stores, factor_keys(request), step.account_id, form.get("code", ""))
    except CredentialInvalid as refusal:
        return respond("console/sign_in_code.html", CodePage(refusal.detail), refusal.status)
    if not await end_step(request):
        return sign_in_form("/admin", TOO_LATE, CredentialInvalid.status)
    account = await accounts.account(app.stores, step.account_id)
    return await sign_in_as(request, account, step.data.get("to", "/admin"), step.data.get("zone", ""))


@console_form("/admin/sign-ins/second-factor", of_sales=True)
async def begin_second_factor(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Begin to set up app codes."""
    account = await accounts.account(
        request.app.stores, staff.account.subject
    )  # None: a token without account
    await second_factor.begin(request.app.stores, factor_keys(request), account.account_id)
    return await _set_up(request, staff)


@console_form("/admin/sign-ins/second-factor/confirm", of_sales=True)
async def confirm_second_factor(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Check the app's first code; from now on sign-ins ask for one."""
    app = request.app
    await app.throttles.second_factor(staff.account.subject)
    try:
        codes = await second_factor.confirm(
            app.stores, factor_keys(request), form.get("code", ""), by=staff.by
        )
    except CredentialInvalid as refusal:
        return await _set_up(request, staff, refusal.detail, refusal.status)
    return respond("console/second_factor.html", SetUpPage(staff, codes=codes))


@console_form("/admin/sign-ins/second-factor/remove", of_sales=True)
async def remove_second_factor(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Remove the app codes. This needs one of them, or a recovery code."""
    app, account_id = request.app, staff.account.subject
    await app.throttles.second_factor(account_id)
    try:
        await second_factor.check(app.stores, factor_keys(request), account_id, form.get("code", ""))
    except CredentialInvalid as refusal:
        raise Conflict(refusal.detail) from None
    await second_factor.remove(app.stores, account_id, by=staff.by)
    return redirect_to("/admin/sign-ins#second-factor")


async def _set_up(request: Request, staff: Staff, problem: str = "", status: int = 200) -> Response:
    stores, keys = request.app.stores, factor_keys(request)
    account = await accounts.account(stores, staff.account.subject)
    secret = await second_factor.pending_secret(stores, keys, account.account_id)
    if secret is None:
        raise Conflict("No setup is in progress: start again.")
    site = request.origin().partition("//")[2]
    code = segno.make(app_link(secret, account.email, f"Fairgate {site}"), micro=False)
    picture = code.svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=False)
    document = SetUpPage(staff, secret, picture, problem=problem)
    return respond("console/second_factor.html", document, status)


def register_second_factor(app: Quart) -> None:
    """Add the form for the code, which needs no sign-in."""
    app.add_url_rule("/admin/sign-in/code", "console_give_code", page(give_code), methods=["POST"])
