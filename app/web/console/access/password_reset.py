"""Pages for choosing a new password, for all accounts, not only staff."""

from __future__ import annotations

import msgspec
from quart import Quart, Response

from app.accounts import password_resets
from app.core.errors import Conflict, CredentialInvalid, ValidationFailed
from app.web.api.access.password_resets import NO_MAIL, Reset, ResetAsked, apply_reset, send_link
from app.web.http.bodies import read_query
from app.web.http.origins import names_its_page
from app.web.http.routes import Request
from app.web.pages.entry import add_page, foreign_form, page
from app.web.pages.form_fields import read_form
from app.web.pages.render import respond

FORGOT, RESET = "/admin/forgot-password", "/admin/reset-password"
LENGTH = "A password has 10 to 200 characters."


class ForgotPage(msgspec.Struct, frozen=True):
    """The form that requests a link; `sent`: whether it was requested."""

    mails: bool  # whether e-mail is set up
    sent: bool = False
    email: str = ""
    problem: str = ""
    no_mail: str = NO_MAIL


class ResetPage(msgspec.Struct, frozen=True):
    """The form for the new password; `token` "": the link is invalid, or was just used."""

    token: str = ""
    changed: bool = False
    problem: str = ""


class ResetQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of the link."""

    token: str = ""


async def forgot_password(request: Request) -> Response:
    """Show the form that requests the e-mail."""
    return respond("console/forgot_password.html", ForgotPage(request.app.settings.mails_links))


async def ask_for_link(request: Request) -> Response:
    """E-mail a link. The response does not reveal whether the account exists."""
    if not names_its_page(request):
        return foreign_form(request)
    mails, email = request.app.settings.mails_links, (await read_form()).get("email", "").strip()
    try:
        body = msgspec.convert({"email": email}, ResetAsked)
        await send_link(request, body.email)
    except (msgspec.ValidationError, ValidationFailed):
        problem = "This is not an e-mail address."
        document = ForgotPage(mails, email=email, problem=problem)
        return respond("console/forgot_password.html", document, ValidationFailed.status)
    except Conflict as refusal:
        return respond("console/forgot_password.html", ForgotPage(mails), refusal.status)
    return respond("console/forgot_password.html", ForgotPage(mails, sent=True, email=email))


async def choose_password(request: Request) -> Response:
    """Show the form for the new password. A GET must not use up the link, because mail scanners follow it."""
    token = read_query(request, ResetQuery).token
    if not await password_resets.is_valid(request.app.stores, token):
        return respond("console/reset_password.html", ResetPage(), CredentialInvalid.status)
    return respond("console/reset_password.html", ResetPage(token))


async def change_forgotten(request: Request) -> Response:
    """Change the password."""
    if not names_its_page(request):
        return foreign_form(request)
    form = await read_form()
    token = form.get("token", "")
    try:
        sent = {"token": token, "new_password": form.get("new_password", "")}
        await apply_reset(request, msgspec.convert(sent, Reset))
    except (msgspec.ValidationError, ValidationFailed) as error:
        problem = LENGTH if isinstance(error, msgspec.ValidationError) else error.detail
        document = ResetPage(token, problem=problem)
        return respond("console/reset_password.html", document, ValidationFailed.status)
    except CredentialInvalid as refusal:
        return respond("console/reset_password.html", ResetPage(), refusal.status)
    return respond("console/reset_password.html", ResetPage(changed=True))


def register_reset(app: Quart) -> None:
    """Add both pages and their forms, which need no sign-in."""
    for path, view, form in (
        (FORGOT, forgot_password, ask_for_link),
        (RESET, choose_password, change_forgotten),
    ):
        add_page(app, path, f"console_{view.__name__}", view)
        app.add_url_rule(path, f"console_{form.__name__}", page(form), methods=["POST"])
