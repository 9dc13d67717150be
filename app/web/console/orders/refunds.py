"""Forms that refund part of an order, cancel some of its tickets, and retry a refused refund."""

from __future__ import annotations

from quart import Response

from app.core.currencies import scale
from app.core.errors import Conflict, IdempotencyKeyReused, NotFound, ValidationFailed
from app.core.model import ReservationId
from app.core.text import typed
from app.reservations import orders, refunds
from app.reservations.refunds import NewRefund
from app.web.console.frame import console_form
from app.web.console.orders.orders import order_page
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to

TICKET = "ticket."  # + ticket_id: the name of a checkbox
REASON_MAX, KEY_MAX = 200, 128
WORDS = {"amount": "The amount", "reason": "The reason"}


@console_form(
    "/admin/orders/<reservation_id>/refund", section="Orders", role="admin", scope="reservations:write"
)
async def refund_part(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Refund part of the order, and cancel the ticked tickets."""
    reservation_id = ReservationId(request.params["reservation_id"])
    story = await orders.story(request.app.stores, reservation_id)
    try:
        new = _new_refund(form, story.reservation.currency)
        key = form.get("idempotency_key", "")[:KEY_MAX]
        await refunds.refund(request.app.engine, reservation_id, new, key, by=staff.by)
    except ValidationFailed as refusal:
        (wrong,) = refusal.members["errors"]
        problem = f"{WORDS.get(wrong['field'], 'A ticket')} {wrong['message']}."
        return await order_page(request, staff, problem, refusal.status)
    except (Conflict, IdempotencyKeyReused) as refusal:
        return await order_page(request, staff, refusal.detail, refusal.status)
    return redirect_to(f"/admin/orders/{reservation_id}")


def _new_refund(form: dict[str, str], currency: str) -> NewRefund:
    """Parse the form. Raises ValidationFailed."""
    tickets = [name.removeprefix(TICKET) for name in form if name.startswith(TICKET)]
    text, reason = form.get("amount", "").strip(), typed.words(form.get("reason", ""))
    amount = typed.amount(text, scale(currency)) if text else None
    if amount is None and (text or not tickets):
        raise ValidationFailed("amount", "must be a number, such as 45 or 45.00")
    if len(reason) > REASON_MAX or not reason.isprintable():
        raise ValidationFailed("reason", f"must be up to {REASON_MAX} characters in one row of text")
    return NewRefund(amount, tickets, form.get("stock", "return") == "return", reason)


@console_form(
    "/admin/orders/<reservation_id>/retry-refund", section="Orders", role="admin", scope="reservations:write"
)
async def retry_refund(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Retry a refund that the gateway refused."""
    reservation_id = ReservationId(request.params["reservation_id"])
    try:
        await refunds.retry(request.app.engine, reservation_id, form.get("refund_id", ""), by=staff.by)
    except (Conflict, NotFound) as refusal:
        return await order_page(request, staff, refusal.detail, refusal.status)
    return redirect_to(f"/admin/orders/{reservation_id}")
