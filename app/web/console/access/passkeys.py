"""Passkeys in the console: sign in with one; add, name and remove them. All of this needs JavaScript."""

from __future__ import annotations

from quart import Quart, Response

from app.accounts import accounts, passkeys
from app.core.errors import CredentialInvalid, RoleRequired, ValidationFailed
from app.web.console.frame import console_form, sign_in_form
from app.web.console.signing_in import begin_step, end_step, sign_in_as, step_of, where_to
from app.web.console.staff import Staff
from app.web.http.origins import names_its_page
from app.web.http.routes import Request
from app.web.pages.entry import foreign_form, page
from app.web.pages.form_fields import read_form, redirect_to

TOO_LATE = "That took too long: try again."


async def ask_for_passkey(request: Request) -> Response:
    """Return the browser's options for signing in with a passkey, as JSON."""
    if not names_its_page(request):
        return foreign_form(request)
    await request.app.throttles.reset(request.client)
    ceremony = passkeys.begin_sign_in(request.origin())
    return await begin_step(
        request, _json(ceremony.options), "passkey", None, {"challenge": ceremony.challenge}
    )


async def use_passkey(request: Request) -> Response:
    """Sign in with the passkey's response, which counts as both factors."""
    if not names_its_page(request):
        return foreign_form(request)
    await request.app.throttles.reset(request.client)
    form, step = await read_form(), await step_of(request, "passkey")
    to = where_to(form)
    if step is None or not await end_step(request):
        return sign_in_form(to, TOO_LATE, CredentialInvalid.status)
    try:
        account = await passkeys.verified_account(
            request.app.stores, request.origin(), step.data["challenge"], form.get("credential", "")
        )
        return await sign_in_as(request, account, to, form.get("zone", ""))
    except (CredentialInvalid, RoleRequired) as refusal:
        return sign_in_form(to, refusal.detail, refusal.status)


@console_form("/admin/sign-ins/passkeys/new", of_sales=True)
async def begin_passkey(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Return the browser's options for creating a passkey, as JSON."""
    account = await accounts.account(request.app.stores, staff.account.subject)
    ceremony = await passkeys.begin_new(request.app.stores, request.origin(), account)
    details = {"challenge": ceremony.challenge}
    return await begin_step(request, _json(ceremony.options), "new_passkey", account.account_id, details)


@console_form("/admin/sign-ins/passkeys/add", of_sales=True)
async def add_passkey(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Store the new passkey under a name."""
    name = " ".join(form.get("name", "").split())
    if not 1 <= len(name) <= passkeys.NAME_MAX or not name.isprintable():
        raise ValidationFailed("name", f"must have 1 to {passkeys.NAME_MAX} characters")
    step = await step_of(request, "new_passkey")
    if step is None or step.account_id != staff.account.subject or not await end_step(request):
        raise ValidationFailed("credential", TOO_LATE)
    try:
        await passkeys.add(
            *(request.app.stores, request.origin(), step.data["challenge"]),
            *(form.get("credential", ""), name),
            by=staff.by,
        )
    except CredentialInvalid as refusal:  # about the passkey, not the sign-in
        raise ValidationFailed("credential", refusal.detail) from None
    return redirect_to("/admin/sign-ins#passkeys")


@console_form("/admin/sign-ins/passkeys/<passkey_id>/remove", of_sales=True)
async def remove_passkey(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Remove one of one's own passkeys."""
    await passkeys.remove(request.app.stores, request.params["passkey_id"], by=staff.by)
    return redirect_to("/admin/sign-ins#passkeys")


def _json(options: str) -> Response:
    return Response(options, content_type="application/json", headers={"Cache-Control": "no-store"})


def register_passkeys(app: Quart) -> None:
    """Add the two steps of signing in with a passkey."""
    for path, form in (("", use_passkey), ("/options", ask_for_passkey)):
        view = page(form)
        app.add_url_rule(f"/admin/sign-in/passkey{path}", f"console_{form.__name__}", view, methods=["POST"])
