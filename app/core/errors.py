"""Refusals: every answer that is not a success, as one tree with stable codes.

Raised anywhere, rendered in one place (`web/http/problems.py`) as RFC 9457 problem+json. A class docstring is
the title and says what the code means; `detail` says what to do. `status` is the HTTP status of the contract.
"""

from __future__ import annotations

from typing import Any, ClassVar


class CannotRun(Exception):
    """A command or process cannot continue; the message is the one line its operator reads."""


class WrongUsage(CannotRun):
    """Wrong usage: an impossible setting or address."""


class Refusal(Exception):
    """The request was refused."""

    status: ClassVar[int]
    code: ClassVar[str]
    replayed = False  # set on an instance: the answer of an earlier equal call (Idempotent-Replay)

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail or self.title())
        self.detail = detail or self.title()
        self.members = members  # extra problem members, e.g. errors=[...]; JSON-encodable

    @classmethod
    def title(cls) -> str:
        """The one-line meaning of this code."""
        return (cls.__doc__ or cls.code).strip().splitlines()[0]


class Retryable(Refusal):
    """Try again later; carries `Retry-After`."""

    def __init__(self, detail: str = "", retry_after_s: int = 1, **members: Any) -> None:
        super().__init__(detail, **members)
        self.retry_after_s = retry_after_s


# 400 ------------------------------------------------------------------------------------------------------
class MalformedJson(Refusal):
    """The body is not JSON."""

    status, code = 400, "malformed_json"


class IdempotencyKeyRequired(Refusal):
    """This call needs an Idempotency-Key header."""

    status, code = 400, "idempotency_key_required"


class BadHeader(Refusal):
    """A header has a value that cannot be used."""

    status, code = 400, "bad_header"


# 401 ------------------------------------------------------------------------------------------------------
class CredentialMissing(Refusal):
    """No credential was sent."""

    status, code = 401, "credential_missing"


class CredentialInvalid(Refusal):
    """The credential is forged, expired or of the wrong kind."""

    status, code = 401, "credential_invalid"


class BookingTokenExpired(Refusal):
    """The booking token has expired."""

    status, code = 401, "booking_token_expired"


# 402 ------------------------------------------------------------------------------------------------------
class PaymentDeclined(Refusal):
    """The payment was declined; the hold remains, and another payment can be tried."""

    status, code = 402, "payment_declined"


# 403 ------------------------------------------------------------------------------------------------------
class WrongRoom(Refusal):
    """The credential belongs to another room."""

    status, code = 403, "wrong_room"


class RoleRequired(Refusal):
    """The account's role does not allow this."""

    status, code = 403, "role_required"


class ScopeRequired(Refusal):
    """The API key has no scope for this."""

    status, code = 403, "scope_required"


class EventNotAllowed(Refusal):
    """The API key is for other events."""

    status, code = 403, "event_not_allowed"


class WrongAccount(Refusal):
    """This belongs to the account of another e-mail."""

    status, code = 403, "wrong_account"


class SessionEnded(Refusal):
    """The session behind this booking token has ended."""

    status, code = 403, "session_ended"


class ForeignOrigin(Refusal):
    """A page of another site sent this; nothing was changed."""

    status, code = 403, "foreign_origin"


class RemovedByStaff(Refusal):
    """This visitor was removed from the room by staff."""

    status, code = 403, "removed"


# 404 ------------------------------------------------------------------------------------------------------
class NotFound(Refusal):
    """There is nothing at this address."""

    status, code = 404, "not_found"


class RoomNotFound(NotFound):
    """There is no such room."""

    code = "room_not_found"


class EventNotFound(NotFound):
    """There is no such event."""

    code = "event_not_found"


class TicketTypeNotFound(NotFound):
    """There is no such ticket type."""

    code = "ticket_type_not_found"


class ReservationNotFound(NotFound):
    """There is no such reservation, or it is not yours."""

    code = "reservation_not_found"


class PlaceNotFound(NotFound):
    """You have no place in this room."""

    code = "place_not_found"


# 405, 413, 415 --------------------------------------------------------------------------------------------
class MethodNotAllowed(Refusal):
    """This address does not support that method."""

    status, code = 405, "method_not_allowed"

    def __init__(self, allow: str) -> None:
        super().__init__(f"Use one of: {allow}.")
        self.allow = allow


class BodyTooLarge(Refusal):
    """The body is larger than this address accepts."""

    status, code = 413, "body_too_large"


class UnsupportedMediaType(Refusal):
    """The body must be application/json."""

    status, code = 415, "unsupported_media_type"


# 409 ------------------------------------------------------------------------------------------------------
class Conflict(Refusal):
    """This step is not possible in the present state."""

    status, code = 409, "conflict"


class SoldOut(Conflict):
    """Fewer tickets are free than were asked for."""

    code = "sold_out"


class SeatTaken(Conflict):
    """A seat that was asked for is no longer free."""

    code = "seat_taken"


class PriceChanged(Conflict):
    """The tickets no longer cost what was expected."""

    code = "price_changed"


class NotOnSale(Conflict):
    """These tickets are not on sale now."""

    code = "not_on_sale"


class RoomClosed(Conflict):
    """The room is closed."""

    code = "room_closed"


class RoomSoldOut(Conflict):
    """Everything in this sale is sold."""

    code = "room_sold_out"


class RoomNotOpen(Conflict):
    """The room has not opened yet."""

    code = "room_not_open"


class PaymentsNotConfigured(Conflict):
    """No payment gateway is set up here, so these tickets cannot be paid."""

    code = "payments_not_configured"


class NotWaiting(Conflict):
    """The number of wanted tickets can be changed only while waiting."""


class IdempotencyKeyReused(Conflict):
    """This Idempotency-Key was used with another body."""

    code = "idempotency_key_reused"


class QueueingMethodLocked(Conflict):
    """The queueing method is fixed once the pre-queue has begun."""

    code = "queueing_method_locked"


class AlreadyExists(Conflict):
    """Something with this id exists already."""

    code = "already_exists"


# 410 ------------------------------------------------------------------------------------------------------
class Over(Refusal):
    """Your turn or your hold is over."""

    status, code = 410, "done"


class NoShow(Over):
    """You were called and did not claim in time; join again for a new place."""

    code = "no_show"


class SessionExpired(Over):
    """Your session ran out; join again for a new place."""

    code = "session_expired"


class LeftQueue(Over):
    """You left the queue; join again for a new place."""

    code = "left"


class SessionDone(Over):
    """Your session is done; join again for a new place."""

    code = "done"


class RemovedFromQueue(Over):
    """You were removed from this room by staff."""

    code = "removed"


class HoldExpired(Over):
    """The hold has ended; its tickets went back on sale."""

    code = "hold_expired"


# 422 ------------------------------------------------------------------------------------------------------
class ValidationFailed(Refusal):
    """A field of the request is invalid."""

    status, code = 422, "validation_failed"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}", errors=[{"field": field, "message": message}])


class LimitExceeded(Refusal):
    """More tickets than one visitor may have for this event."""

    status, code = 422, "limit_exceeded"


# 429, 503 -------------------------------------------------------------------------------------------------
class RateLimited(Retryable):
    """Too many requests; slow down."""

    status, code = 429, "rate_limited"

    def __init__(self, retry_after_s: int, *, policy: str, quota: int, window_s: int) -> None:
        super().__init__(f"Try again in {retry_after_s} s.", retry_after_s)
        self.policy, self.quota, self.window_s = policy, quota, window_s


class StoreUnavailable(Retryable):
    """A store is unavailable; nothing was changed."""

    status, code = 503, "store_unavailable"


class BacklogFull(Retryable):
    """Too many reservations are waiting."""

    status, code = 503, "backlog_full"


class Restoring(Retryable):
    """The queue and the stock are being restored; nothing is lost."""

    status, code = 503, "restoring"


class InternalError(Refusal):
    """Something went wrong on our side; it has been logged."""

    status, code = 500, "internal_error"


def all_refusals() -> list[type[Refusal]]:
    """Every concrete refusal, for the contract document and for the tests that go over all of them."""
    found: list[type[Refusal]] = []
    todo = list(Refusal.__subclasses__())
    while todo:
        cls = todo.pop(0)
        todo.extend(cls.__subclasses__())
        if "code" in cls.__dict__ and cls is not Over:
            found.append(cls)
    return found
