"""The buyer form on the page of a hold: what it asks, and parsing it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from app.core.errors import ValidationFailed
from app.core.model import Reservation
from app.core.reservations.buyers import Buyer, problems_of
from app.notifications import addresses
from app.reservations import buyers
from app.store.sql.reservations.buyers import read_form
from app.web.http.routes import Request
from app.web.pages.sale.ticket_views import BuyerPart

ANSWER = "answer."  # + question_id: the name of a field
YES = "yes"


async def buyer_part(request: Request, reservation: Reservation, buyer: Buyer | None) -> BuyerPart | None:
    """The form with its answers: those just sent, earlier ones, or the address left in the queue."""
    form = read_form(reservation.buyer_form)
    if not form.asks_anything:
        return None
    wrong = problems_of(form, buyer) if buyer is not None else {}
    words = {field: "missing" if text == "is required" else "wrong" for field, text in wrong.items()}
    return BuyerPart(form, buyer or await _answered_before(request, reservation), words)


async def _answered_before(request: Request, reservation: Reservation) -> Buyer:
    stored = await buyers.of_reservation(request.app.stores, reservation.reservation_id)
    if stored is None:
        left = await addresses.of_visitor(request.app.stores, reservation.room_id, reservation.visitor_id)
        return Buyer(email=left.email if left else "")
    return Buyer(
        email=stored.email,
        name=stored.name,
        phone=stored.phone,
        terms=stored.terms_at is not None,
        marketing=stored.marketing,
        answers=stored.answers,
    )


def buyer_in(fields: Mapping[str, str], locale: str) -> Buyer:
    """Parse the buyer's answers. Raises ValidationFailed for input that our form cannot send."""
    answers = {name.removeprefix(ANSWER): value for name, value in fields.items() if name.startswith(ANSWER)}
    sent = {name: fields.get(name, "") for name in ("email", "name", "phone")}
    ticked = {name: fields.get(name) == YES for name in ("terms", "marketing")}
    try:
        return msgspec.convert({**sent, **ticked, "answers": answers, "locale": locale}, Buyer)
    except msgspec.ValidationError:
        raise ValidationFailed("buyer", "is too long, or not text") from None
