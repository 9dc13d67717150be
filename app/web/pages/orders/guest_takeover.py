"""Adding a guest's reservation to an account, by the link in an e-mail."""

from __future__ import annotations

import msgspec
from quart import Response

from app.core.account import Account
from app.core.errors import (
    Conflict,
    CredentialInvalid,
    RateLimited,
    WrongAccount,
)
from app.core.model import ReservationId
from app.notifications import addresses
from app.web.api.access.accounts import LoginBody, logged_in
from app.web.api.orders.guest_takeover import ClaimQuery
from app.web.http.bodies import read_query
from app.web.http.routes import Request
from app.web.pages.form_fields import read_form
from app.web.pages.render import respond

REFUSED = (CredentialInvalid, WrongAccount, Conflict, RateLimited)


class ClaimPage(msgspec.Struct, frozen=True):
    """The form that adds a reservation to an account; `claimed`: done."""

    reservation_id: str
    expires: int
    signature: str
    claimed: bool = False
    problem: str = ""


async def claim_page(request: Request) -> Response:
    """Show the form. A GET must not claim anything."""
    return respond("claim.html", _document(request))


async def claim(request: Request) -> Response:
    """Sign in and add the reservation to the account."""
    document, form = _document(request), await read_form()
    try:
        account = await _logged_in(request, form)
        link = (document.expires, document.signature)
        reservation_id = ReservationId(document.reservation_id)
        await addresses.claim(request.app.stores, request.app.claims, account, reservation_id, link)
    except REFUSED as refusal:
        return respond(
            "claim.html", msgspec.structs.replace(document, problem=refusal.detail), refusal.status
        )
    return respond("claim.html", msgspec.structs.replace(document, claimed=True))


def _document(request: Request) -> ClaimPage:
    query = read_query(request, ClaimQuery)
    return ClaimPage(request.params["reservation_id"], query.expires, query.signature)


async def _logged_in(request: Request, form: dict[str, str]) -> Account:
    """The account with the e-mail and password of the form. Raises CredentialInvalid, RateLimited."""
    sent = {name: form.get(name, "") for name in ("email", "password")}
    try:
        login = msgspec.convert(sent, LoginBody)
    except msgspec.ValidationError:
        raise CredentialInvalid("The e-mail address or password is wrong.") from None
    done = await logged_in(request, login)
    account = await request.app.keyring.read(done.token)
    assert isinstance(account, Account)
    return account
