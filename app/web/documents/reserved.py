"""The document of a new reservation. Equal orders share all but ids and times, so the rest is encoded
once."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from app.core.clock import from_ms
from app.core.model import EventId, ReservationId, RoomId, VisitorId
from app.core.reservations.terms import HoldTerms, Policy
from app.reservations.reserve_result import ReserveResult
from app.web.documents.sale import reservation_document

_encode = msgspec.json.Encoder().encode
# Placeholders for what differs, in the order of the document; nothing else in it can be equal to one.
_ID, _VISITOR, _CREATED_MS, _EXPIRES_MS = "@reservation", "@visitor", 1, 2


def reserved_document(reserved: ReserveResult, terms: HoldTerms) -> bytes:
    """Encode the same JSON as `reservation_document`."""
    if "@" in terms.items:  # seats, which differ per order
        assert reserved.reservation is not None
        return _encode(reservation_document(reserved.reservation))
    rates = (*reserved.policy.tax_rates.items(),)
    first, second, third, fourth, last = _frame(
        reserved.event_id, terms.amount, terms.currency, terms.items, reserved.policy.extend_s, rates
    )
    created, expires = _moment(terms.created_at_ms), _moment(terms.expires_at_ms)
    return b"".join(
        (
            *(first, reserved.reservation_id.encode(), second, reserved.visitor_id.encode()),
            *(third, created, fourth, expires, last),
        )
    )


@lru_cache(maxsize=1024)
def _frame(
    event_id: EventId,
    amount: int,
    currency: str,
    items: str,
    extend_s: int,
    rates: tuple[tuple[str, int], ...],
) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """The JSON before the first placeholder, between each two, and after the last."""
    of = ReservationId(_ID), event_id, RoomId(""), VisitorId(_VISITOR), False
    terms = HoldTerms(amount, currency, _CREATED_MS, _EXPIRES_MS, items)
    reservation = ReserveResult(*of, terms, Policy(extend_s, dict(rates))).reservation
    assert reservation is not None
    first, rest = _apart(_encode(reservation_document(reservation)), _ID.encode())
    second, rest = _apart(rest, _VISITOR.encode())
    third, rest = _apart(rest, _moment(_CREATED_MS))
    fourth, last = _apart(rest, _moment(_EXPIRES_MS))
    return first, second, third, fourth, last


def _apart(text: bytes, mark: bytes) -> tuple[bytes, bytes]:
    before, _, after = text.partition(mark)
    return before, after


@lru_cache(maxsize=256)
def _moment(ms: int) -> bytes:
    """Encode a moment; cached, because one script decides many orders at once."""
    return _encode(from_ms(ms)).strip(b'"')
