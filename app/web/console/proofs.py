"""Step-up authentication: dangerous forms ask for another proof of identity if the last one is too old.

`NEEDS_PROOF` is the only list of such forms. The page that asks carries the submitted fields along, so
nothing has to be typed again. Signing in counts as a proof. The API asks for none, because a program cannot
be prompted.
"""

from __future__ import annotations

import msgspec
from quart import Response

from app.accounts import accounts, console_sessions, second_factor
from app.core.errors import BookingTokenExpired, CredentialInvalid, RoleRequired
from app.store.sql.accounts.sign_ins import SignIn
from app.web.api.access.accounts import LoginBody, account_for_login
from app.web.console.signing_in import factor_keys
from app.web.console.staff import Staff, account_of
from app.web.http.routes import Request
from app.web.pages.render import respond

NEEDS_PROOF = frozenset(
    (
        "/admin/rooms/<room_id>/cancel-sale",
        "/admin/orders/cancel",
        "/admin/rooms/<room_id>/reset",
        "/admin/rooms/<room_id>/delete",
        "/admin/rooms/<room_id>/people/give",
        "/admin/rooms/<room_id>/people/<account_id>",
        "/admin/rooms/<room_id>/people/refunds",
        "/admin/rooms/<room_id>/knownuser",
        "/admin/rooms/<room_id>/knownuser/remove",
        "/admin/users/<account_id>/role",
        "/admin/users/<account_id>/active",
        "/admin/users/<account_id>/second-factor",
        "/admin/users/invite",
        "/admin/keys/create",
        "/admin/webhooks/create",
        "/admin/sign-ins/passkeys/new",
        "/admin/sign-ins/passkeys/<passkey_id>/remove",
        "/admin/sign-ins/second-factor",
        "/admin/sign-ins/proof",  # serves only to prove
    )
)
FIELD = "proof_of_who"  # field of the page that asks; no other form has a field of this name
TEXT_MAX = 4000
WORDS = {
    "code": "Code of your app, or a recovery code",
    "password": "Your password",
    "token": "The access token you signed in with",
}


class ProofPage(msgspec.Struct, frozen=True):
    """The form that asks for a proof. `action`: where it continues, with the submitted fields."""

    staff: Staff
    action: str
    fields: dict[str, str]
    kind: str
    label: str
    back: str
    minutes: int  # how many a proof lasts
    name: str = FIELD
    problem: str = ""


async def unproved(
    request: Request, staff: Staff, sign_in: SignIn, path: str, fields: dict[str, str], back: str
) -> Response | None:
    """Return the page that asks for a proof, or None if no proof is needed or a valid one was given.

    Raises RateLimited.
    """
    minutes, proof = request.app.settings.staff_proof_minutes, fields.pop(FIELD, None)
    if path not in NEEDS_PROOF or not minutes or request.app.settings.demo:
        return None
    if sign_in.proof_age_s < 60 * minutes:
        return None
    page = await proof_page(request, staff, request.path, fields, back)
    if proof is None:
        return respond("console/proof.html", page, RoleRequired.status)
    try:
        await _check(request, staff, page.kind, proof.strip()[:TEXT_MAX])
    except (CredentialInvalid, BookingTokenExpired, RoleRequired) as refusal:
        return respond(
            "console/proof.html", msgspec.structs.replace(page, problem=refusal.detail), refusal.status
        )
    await console_sessions.prove(request.app.stores, sign_in.sign_in_id)
    return None


async def proof_page(
    request: Request, staff: Staff, action: str, fields: dict[str, str], back: str
) -> ProofPage:
    """The page that asks for a proof before a form goes on to `action`."""
    kind, minutes = await _kind(request, staff), request.app.settings.staff_proof_minutes
    return ProofPage(staff, action, fields, kind, WORDS[kind], back, minutes)


async def _kind(request: Request, staff: Staff) -> str:
    """How this person proves their identity."""
    if staff.name == staff.account.subject:
        return "token"
    has = await second_factor.factors_of(request.app.stores, staff.account.subject)
    return "code" if has.codes else "password"


async def _check(request: Request, staff: Staff, kind: str, proof: str) -> None:
    """Check the proof. Raises CredentialInvalid and the like."""
    app, account_id = request.app, staff.account.subject
    if kind == "code":
        await app.throttles.second_factor(account_id)
        await second_factor.check(app.stores, factor_keys(request), account_id, proof)
    elif kind == "password":
        account = await accounts.account(app.stores, account_id)
        await account_for_login(request, LoginBody(account.email, proof))
    elif (await account_of(request, proof))[0].subject != account_id:
        raise CredentialInvalid("This is the access token of somebody else.")
