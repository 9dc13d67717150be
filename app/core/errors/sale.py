"""Refusals of events, tickets, reservations and payments."""

from __future__ import annotations

from app.core.errors.base import Refusal, Retryable
from app.core.errors.request import Conflict, NotFound
from app.core.errors.waiting_room import Over


class PaymentDeclined(Refusal):
    """The payment was declined; the hold remains, and another payment can be tried."""

    status, code = 402, "payment_declined"


class EventNotFound(NotFound):
    """There is no such event."""

    code = "event_not_found"


class TicketTypeNotFound(NotFound):
    """There is no such ticket type."""

    code = "ticket_type_not_found"


class CodeSetNotFound(NotFound):
    """There is no such set of codes."""

    code = "codes_not_found"


class ReservationNotFound(NotFound):
    """There is no such reservation, or it is not yours."""

    code = "reservation_not_found"


class SoldOut(Conflict):
    """Fewer tickets are free than were requested."""

    code = "sold_out"


class SeatTaken(Conflict):
    """A requested seat is no longer free."""

    code = "seat_taken"


class CompanionAlone(Conflict):
    """A companion seat was requested without the accessible seat next to it."""

    code = "companion_alone"


class PriceChanged(Conflict):
    """The tickets no longer cost the expected amount."""

    code = "price_changed"


class NotOnSale(Conflict):
    """These tickets are not on sale now."""

    code = "not_on_sale"


class CodeRefused(Conflict):
    """The code is unknown, used up, not valid now, or not for these tickets; `reason` says which."""

    code = "code_refused"


class PaymentsNotConfigured(Conflict):
    """No payment gateway is set up here, so these tickets cannot be paid for."""

    code = "payments_not_configured"


class HoldExpired(Over):
    """The hold has ended; its tickets went back on sale."""

    code = "hold_expired"


class LimitExceeded(Refusal):
    """This is more tickets than one visitor may have for this event."""

    status, code = 422, "limit_exceeded"


class BacklogFull(Retryable):
    """Too many reservations are waiting to be processed."""

    status, code = 503, "backlog_full"
