"""Maps outcomes and other words of the scripts to refusals."""

from __future__ import annotations

from app.core.errors import (
    BacklogFull,
    CompanionAlone,
    IdempotencyKeyReused,
    InternalError,
    LimitExceeded,
    Refusal,
    Restoring,
    SeatTaken,
    SessionEnded,
    SoldOut,
)
from app.core.reservations.outcomes import read_outcome
from app.reservations.request import TicketRequest, code_refused, not_on_sale

FAILED = "This request could not be processed, and nothing was taken. It has been logged; send a new one."
REFUSALS: dict[str, type[Refusal]] = {
    "sold_out": SoldOut,
    "seat_taken": SeatTaken,
    "companion_alone": CompanionAlone,
    "limit_exceeded": LimitExceeded,
    "reused": IdempotencyKeyReused,
    "session_ended": SessionEnded,
    "backlog_full": BacklogFull,
    "failed": InternalError,
    "restoring": Restoring,
    "unknown": Restoring,  # the room is not loaded: lost, and about to be restored
}
UNKNOWN_WORDS = ("unknown_type", "seated_type", "no_seats", "unknown_seat")


def refusal_of(outcome: str, request: TicketRequest | None = None) -> Refusal:
    """The refusal in which a submission resulted."""
    read = read_outcome(outcome)
    return refusal(read.word, request, read.detail)


def refusal(word: str, request: TicketRequest | None = None, detail: str = "") -> Refusal:
    """The refusal for a word of the scripts; `detail` has the seats taken, or what is not on sale."""
    if word == "failed":
        return InternalError(FAILED)
    if not detail:
        return REFUSALS[word]()
    if word == "not_on_sale":
        return not_on_sale(detail, request.fields if request else {})
    if word == "code_refused":
        return code_refused(detail)
    taken = detail.split("+")
    if word == "companion_alone":
        return CompanionAlone(f"Needs the accessible seat beside it: {', '.join(taken)}.", seat_ids=taken)
    return SeatTaken(f"Taken, or already yours: {', '.join(taken)}.", seat_ids=taken)
