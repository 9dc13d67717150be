"""What pages say about mail: leave an address while you wait, and take over what you reserved as a guest."""

from __future__ import annotations

import msgspec
from quart import Response

from app import mailboxes, waiting_room
from app.core.errors import (
    Conflict,
    CredentialInvalid,
    PlaceNotFound,
    RateLimited,
    ValidationFailed,
    WrongAccount,
)
from app.core.mail import mailbox
from app.core.model import Account, ReservationId, RoomId
from app.web.accounts import LoginBody, access_token
from app.web.bodies import read_query
from app.web.claims import ClaimQuery
from app.web.http import Request
from app.web.mail_locale import mail_locale
from app.web.page_forms import read_form, see
from app.web.page_render import respond
from app.web.page_visitors import visitor_of

REFUSED = (CredentialInvalid, WrongAccount, Conflict, RateLimited)


class ClaimPage(msgspec.Struct, frozen=True):
    """The form that takes a reservation over; `claimed`: it was."""

    reservation_id: str
    expires: int
    signature: str
    claimed: bool = False
    problem: str = ""


async def leave_email(request: Request) -> Response:
    """Keep an address for whoever stands in this line; the empty one forgets it."""
    room_id, form = RoomId(request.params["room_id"]), await read_form()
    claims, back = visitor_of(request, room_id), see(f"/rooms/{request.params['room_id']}")
    if claims is None:
        return back
    text = form.get("email", "").strip()
    if not text:
        await mailboxes.forget(request.app.stores, room_id, claims.visitor_id)
        return back
    try:
        email = mailbox(text)
        await waiting_room.place(request.app.line, room_id, claims)  # throttled; and there is such a place
    except (ValidationFailed, PlaceNotFound):
        return back
    locale = await mail_locale(request, room_id)
    await mailboxes.keep(request.app.stores, room_id, claims.visitor_id, email, locale=locale, guest=True)
    return back


async def claim_page(request: Request) -> Response:
    """The form; a GET takes nothing over."""
    return respond("claim.html", _document(request))


async def claim(request: Request) -> Response:
    """Log in and take the reservation over."""
    document, form = _document(request), await read_form()
    try:
        account = await _logged_in(request, form)
        link = (document.expires, document.signature)
        reservation_id = ReservationId(document.reservation_id)
        await mailboxes.claim(request.app.stores, request.app.claims, account, reservation_id, link)
    except REFUSED as refusal:
        return respond(
            "claim.html", msgspec.structs.replace(document, problem=refusal.detail), refusal.status
        )
    return respond("claim.html", msgspec.structs.replace(document, claimed=True))


def _document(request: Request) -> ClaimPage:
    query = read_query(request, ClaimQuery)
    return ClaimPage(request.params["reservation_id"], query.expires, query.signature)


async def _logged_in(request: Request, form: dict[str, str]) -> Account:
    """The account of the e-mail and the password in the form. Raises CredentialInvalid, RateLimited."""
    sent = {name: form.get(name, "") for name in ("email", "password")}
    try:
        login = msgspec.convert(sent, LoginBody)
    except msgspec.ValidationError:
        raise CredentialInvalid("The e-mail or the password is wrong.") from None
    token, _ = await access_token(request, login)
    account = await request.app.keyring.read(token)
    assert isinstance(account, Account)
    return account
