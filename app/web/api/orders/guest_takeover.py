"""Taking over a guest's reservation with the account of the same mailbox."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from msgspec import Meta

from app.core.account import Account
from app.core.errors import (
    Conflict,
    CredentialInvalid,
    ReservationNotFound,
    StoreUnavailable,
    WrongAccount,
)
from app.core.model import ReservationId, Struct
from app.notifications import addresses
from app.web.documents.sale import ReservationDocument, reservation_document
from app.web.http.cache_control import NO_STORE
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import ACCOUNT


class ClaimQuery(Struct, frozen=True):
    """The parameters of the link in the e-mail, besides the reservation."""

    expires: Annotated[int, Meta(ge=0, le=10**11)] = 0
    signature: Annotated[str, Meta(max_length=100)] = ""


@endpoint(
    "POST",
    "/v1/reservations/{reservation_id}/claim",
    tag="Reservations",
    auth=ACCOUNT,
    query=ClaimQuery,
    answers={200: ReservationDocument},
    errors=(CredentialInvalid, WrongAccount, ReservationNotFound, Conflict, StoreUnavailable),
)
async def claim_reservation(request: Request, account: Account, query: ClaimQuery) -> Response:
    """Add a guest reservation to my account, with the link from the e-mail about it.

    The link proves that the mailbox is yours; your account must have the same e-mail. From then on the
    reservation is in your list, and your access token can read, confirm and cancel it. 200, also when
    repeated.
    """
    app, reservation_id = request.app, ReservationId(request.params["reservation_id"])
    link = (query.expires, query.signature)
    claimed = await addresses.claim(app.stores, app.claims, account, reservation_id, link)
    return json_response(200, reservation_document(claimed), [NO_STORE])


@endpoint(
    "GET",
    "/v1/reservations/{reservation_id}/claim",
    tag="Reservations",
    query=ClaimQuery,
    answers={302: None},
    errors=(ReservationNotFound,),
)
async def show_claim(request: Request, query: ClaimQuery) -> Response:
    """Redirect a browser from the link in the e-mail to the page that adds the reservation to an account."""
    path = f"/reservations/{request.params['reservation_id']}/claim"
    where = urlencode({"expires": query.expires, "signature": query.signature})
    return Response(302, b"", [(b"location", f"{path}?{where}".encode()), NO_STORE])
