"""Refusals: every unsuccessful response, as one tree with stable codes.

Raised anywhere, rendered in one place (`web/http/problems.py`) as RFC 9457 problem+json. A class docstring is
the title and says what the code means; `detail` says what to do. `status` is the HTTP status of the contract.

Modules are split by subject; import from here.
"""

from __future__ import annotations

from app.core.errors.access import (
    AddressUnclear,
    BookingTokenExpired,
    CredentialInvalid,
    CredentialMissing,
    EventNotAllowed,
    ForeignOrigin,
    RoleRequired,
    ScopeRequired,
    SecondFactorRequired,
    WrongAccount,
    WrongRoom,
)
from app.core.errors.base import CannotRun, Refusal, Retryable, WrongUsage
from app.core.errors.request import (
    AlreadyExists,
    ApprovalNeeded,
    BadHeader,
    BodyTooLarge,
    Conflict,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    InternalError,
    MalformedJson,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    StoreUnavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from app.core.errors.sale import (
    BacklogFull,
    CodeRefused,
    CodeSetNotFound,
    CompanionAlone,
    EventNotFound,
    HoldExpired,
    LimitExceeded,
    NotOnSale,
    PaymentDeclined,
    PaymentsNotConfigured,
    PriceChanged,
    ReservationNotFound,
    SeatTaken,
    SoldOut,
    TicketTypeNotFound,
)
from app.core.errors.waiting_room import (
    CaptchaNeeded,
    IdentityNeeded,
    LeftQueue,
    LogNotBegun,
    MemberElsewhere,
    MembersOnly,
    NoShow,
    NotWaiting,
    Over,
    PlaceNotFound,
    ProofOfWorkNeeded,
    ProofRefused,
    QueueingMethodLocked,
    RemovedByStaff,
    RemovedFromQueue,
    RequestIdInvalid,
    Restoring,
    RoomClosed,
    RoomNotFound,
    RoomNotOpen,
    RoomSoldOut,
    SessionDone,
    SessionEnded,
    SessionExpired,
)

__all__ = [
    "AddressUnclear",
    "AlreadyExists",
    "ApprovalNeeded",
    "BacklogFull",
    "BadHeader",
    "BodyTooLarge",
    "BookingTokenExpired",
    "CannotRun",
    "CaptchaNeeded",
    "CodeRefused",
    "CodeSetNotFound",
    "CompanionAlone",
    "Conflict",
    "CredentialInvalid",
    "CredentialMissing",
    "EventNotAllowed",
    "EventNotFound",
    "ForeignOrigin",
    "HoldExpired",
    "IdempotencyKeyRequired",
    "IdempotencyKeyReused",
    "IdentityNeeded",
    "InternalError",
    "LeftQueue",
    "LimitExceeded",
    "LogNotBegun",
    "MalformedJson",
    "MemberElsewhere",
    "MembersOnly",
    "MethodNotAllowed",
    "NoShow",
    "NotFound",
    "NotOnSale",
    "NotWaiting",
    "Over",
    "PaymentDeclined",
    "PaymentsNotConfigured",
    "PlaceNotFound",
    "PriceChanged",
    "ProofOfWorkNeeded",
    "ProofRefused",
    "QueueingMethodLocked",
    "RateLimited",
    "Refusal",
    "RemovedByStaff",
    "RemovedFromQueue",
    "RequestIdInvalid",
    "ReservationNotFound",
    "Restoring",
    "Retryable",
    "RoleRequired",
    "RoomClosed",
    "RoomNotFound",
    "RoomNotOpen",
    "RoomSoldOut",
    "ScopeRequired",
    "SeatTaken",
    "SecondFactorRequired",
    "SessionDone",
    "SessionEnded",
    "SessionExpired",
    "SoldOut",
    "StoreUnavailable",
    "TicketTypeNotFound",
    "UnsupportedMediaType",
    "ValidationFailed",
    "WrongAccount",
    "WrongRoom",
    "WrongUsage",
    "all_refusals",
]


def all_refusals() -> list[type[Refusal]]:
    """Every concrete refusal, for the contract document and for tests that cover all of them."""
    refusals: list[type[Refusal]] = []
    todo = list(Refusal.__subclasses__())
    while todo:
        cls = todo.pop(0)
        todo.extend(cls.__subclasses__())
        if "code" in cls.__dict__ and cls is not Over:
            refusals.append(cls)
    return refusals
