"""The page of an invitation: choose a password, or continue to add a passkey."""

from __future__ import annotations

import msgspec
from quart import Quart, Response

from app.accounts import console_sessions, invitations
from app.core.account import Account, RegisteredAccount
from app.core.errors import Conflict, CredentialInvalid, ValidationFailed
from app.core.formats import Name
from app.web.api.access.password_resets import Reset
from app.web.console.access.password_reset import LENGTH
from app.web.console.staff import with_cookie
from app.web.http.bodies import read_query
from app.web.http.origins import names_its_page
from app.web.http.routes import Request
from app.web.pages.entry import add_page, foreign_form, page
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond

INVITATION = "/admin/invitation"
WITH_A_PASSKEY = "/admin/sign-ins#passkeys"


class InvitationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of the link."""

    token: str = ""


class InvitationPage(msgspec.Struct, frozen=True):
    """The form; `token` "": the link is invalid."""

    token: str = ""
    email: str = ""
    name: str = ""
    problem: str = ""


class ChosenName(msgspec.Struct, frozen=True):
    """The name of the new account."""

    name: Name


async def invitation(request: Request) -> Response:
    """Show the invitation. A GET must not use up the link, because mail scanners follow it."""
    return await _page(request, read_query(request, InvitationQuery).token)


async def accept_invitation(request: Request) -> Response:
    """Create the account and, if it is new, sign it in."""
    if not names_its_page(request):
        return foreign_form(request)
    await request.app.throttles.reset(request.client)
    form = await read_form()
    token, name = form.get("token", ""), form.get("name", "").strip()
    with_passkey = form.get("with") == "passkey"
    try:
        name = msgspec.convert({"name": name}, ChosenName).name
        password = None if with_passkey else _password(form)
        account, at_once = await invitations.accept(
            *(request.app.stores, request.app.passwords, token),
            name=name,
            password=password,
            request_id=request.request_id,
        )
    except (msgspec.ValidationError, ValidationFailed, Conflict) as error:
        message = LENGTH if isinstance(error, msgspec.ValidationError) else error.detail
        return await _page(request, token, name=name, problem=message if name else "Your name is missing.")
    except CredentialInvalid as refusal:
        return respond("console/invitation.html", InvitationPage(), refusal.status)
    if not at_once:
        return redirect_to("/admin")
    return await _signed_in(request, account, form, WITH_A_PASSKEY if with_passkey else "/admin")


def _password(form: dict[str, str]) -> str:
    return msgspec.convert({"token": "", "new_password": form.get("new_password", "")}, Reset).new_password


async def _signed_in(request: Request, account: RegisteredAccount, form: dict[str, str], to: str) -> Response:
    secret = await console_sessions.begin(
        *(request.app.stores, Account(subject=account.account_id, role=account.role)),
        address=request.client,
        agent=request.header(b"user-agent") or "",
        zone=form.get("zone", ""),
    )
    return with_cookie(redirect_to(to), request, secret)


async def _page(request: Request, token: str, name: str = "", problem: str = "") -> Response:
    invitation = await invitations.of_token(request.app.stores, token)
    if invitation is None:
        return respond("console/invitation.html", InvitationPage(), CredentialInvalid.status)
    document = InvitationPage(token, invitation.email, name or invitation.name, problem)
    return respond("console/invitation.html", document, ValidationFailed.status if problem else 200)


def register_invitation(app: Quart) -> None:
    """Add the page and its form, which need no sign-in."""
    add_page(app, INVITATION, "console_invitation", invitation)
    app.add_url_rule(INVITATION, "console_accept_invitation", page(accept_invitation), methods=["POST"])
